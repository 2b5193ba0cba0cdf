"""§5: send events again, from a frozen plan, with a journal, and prove what became of them."""
