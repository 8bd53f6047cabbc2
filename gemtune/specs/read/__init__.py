"""From the text of a spec file to a message and the places of its values."""
