"""The report of the matrix: JSON, Markdown, one self-contained HTML page and a badge."""

from rldk_trl.report.markdown import escape_cell, render_markdown
from rldk_trl.report.rows import NOT_RUN, ReportRow, report_rows
from rldk_trl.report.write import FOLDER, write_reports

__all__ = ["FOLDER", "NOT_RUN", "ReportRow", "escape_cell", "render_markdown", "report_rows", "write_reports"]
