// A page opened from a folder may start no worker, and the site's search is one: run its script in a hidden frame instead.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const inside = this.frame.contentWindow;
      // Later, as a worker's answer comes: one in the middle of the question finds the page half drawn.
      inside.postMessage = (sent) => setTimeout(() => {
        const event = new MessageEvent("message", { data: structuredClone(sent) });
        this.dispatchEvent(event);
        if (this.onmessage) this.onmessage(event);
      });
      const script = inside.document.createElement("script");
      script.src = url;
      this.ready = new Promise((done) => { script.onload = done; });
      inside.document.body.append(script);
    }

    postMessage(sent) {
      // A worker gets a copy; what both held would be changed under the other.
      const data = structuredClone(sent);
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
