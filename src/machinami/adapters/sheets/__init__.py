"""Reading people's files: xlsx, xls, ods and csv into tables of cells, guarded before anything is unpacked."""

from machinami.adapters.sheets.reading import SheetBounds, read_tables

__all__ = ["SheetBounds", "read_tables"]
