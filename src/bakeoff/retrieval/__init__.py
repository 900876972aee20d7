"""From files to answers' sources: read documents, cut them into chunks, embed, index and search."""
