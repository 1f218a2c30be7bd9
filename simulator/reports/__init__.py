"""What people look at: charts, pictures of dashboards, tables in Markdown pages. Nothing is measured here."""
