"""Entity maps (CIM 009 4.5.25, 5.14): which entities a query found, fixed for the pages that follow."""
