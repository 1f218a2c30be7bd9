"""Charts, pictures of dashboards, and tables in Markdown pages. Other packages measure."""
