"""Import of a town's own files: rows in, a plan of entities and findings out; nothing here reads or writes files of people.

The way of a sheet: `headings` finds the heading row and what each column means, `recognition` which model the sheet is,
`mapping` is that knowledge as an editable file, `values` and `position` read the cells, `identity` names the entities,
`merging` joins twins and older publications, `planning` puts it together, `difference` says what has to be written.
"""
