"""Every size and count that can come from a file has its maximum here, with the reason."""

KIB = 1024
MIB = 1024 * KIB

# Item bank files
xlsx_bytes_max = 64 * MIB  # 50,000 items are about 12 MiB
xlsx_unpacked_bytes_max = 512 * MIB  # more is a zip bomb
xlsx_members_max = 2_000  # a workbook of ours has about ten
xlsx_prolog_bytes_max = 64 * KIB  # an XML part whose root starts later is no office file
xlsx_rows_max = 200_000
cell_chars_max = 32_767  # what a spreadsheet program keeps of one cell
text_bytes_max = 64 * MIB
problems_max = 5_000  # after so many the file is of another kind; the rest is only counted

# Items
item_id_chars_max = 64
name_chars_max = 100  # domain, knowledge point
note_chars_max = 5_000  # legal basis, explanation, remark
points_milli_max = 1_000_000  # a thousand points

# Papers
blueprint_bytes_max = 1 * MIB
draft_bytes_max = 1024 * MIB  # 1,000 forms of 100 items are about 60 MiB
draw_tries_max = 30_000  # about ten seconds; then the demands are too tight for the bank
ratio_milli_max = 1_000_000_000

# Publishing
form_image_bytes_max = 64 * MIB  # a kiosk holds all pictures of its form in memory
key_file_bytes_max = 64 * KIB
