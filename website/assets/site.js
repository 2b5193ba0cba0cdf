// A table that is wider than the page scrolls in a box that the theme makes around it; a keyboard must reach that box.
new MutationObserver(() => {
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])")) {
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", "Table");
  }
}).observe(document.body, { childList: true, subtree: true });
