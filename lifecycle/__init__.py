"""Jump boxes in Azure that exist only while someone needs them."""
