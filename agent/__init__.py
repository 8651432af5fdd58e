"""pos-agent: pairs a payment terminal, keeps its credentials alive, never loses them."""
