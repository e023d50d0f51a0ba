"""The digest of a while, for readers by mail: what it holds, when it is due, who signed up, what came back."""
