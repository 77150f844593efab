"""The nbconvert template of the report: this folder."""

from pathlib import Path

FOLDER = Path(__file__).parent
"""`HTMLExporter(template_name="ticket", extra_template_basedirs=[FOLDER.parent])`."""
