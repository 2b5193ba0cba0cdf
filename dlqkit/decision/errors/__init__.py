"""Reading an error's text: which phrases and codes say what kind of failure it is."""
