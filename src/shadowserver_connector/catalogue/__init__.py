"""Knowledge as data: columns and their roles, report types and their meaning."""
