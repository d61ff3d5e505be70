"""What is shown of an analysis: the page, the figure, tables, notes, a summary, lines for R."""
