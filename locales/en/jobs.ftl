### Jobs, and what is wrong with the rows of a file.

job-waiting = Other jobs are before it.
job-checking = Its rows are being looked at; nothing is written yet.
job-writing = Its rows are being written.
job-looked = Its rows were looked at; nothing was written, as asked for.
job-done = It was carried out.
job-refused = Something is wrong with the file; nothing was written. Mend it and send it again.
job-cancelled = It was stopped.
job-interrupted = The server stopped before it was done. All or nothing: nothing was written. Best effort: the rows up to the line shown were written.
job-failed = The server could not do this; its log says why.

problem-title-jobs-waiting = Not now
problem-detail-jobs-waiting = Four jobs wait or run. Try again when one has ended.
problem-title-job-ended = Ended
problem-detail-job-ended = The job has ended; nothing is left to cancel.
problem-title-unsupported-csv = Unsupported body
problem-detail-unsupported-csv = Send CSV, with the header Content-Type: text/csv.
problem-title-file-too-large = Too large
problem-detail-file-too-large = The file is larger than 32 MiB; send it in parts.

problem-detail-file-workbook = This is a workbook. Save it as CSV, and send that.
problem-detail-file-charset = The encoding { $charset } is not known. Send UTF-8 or Shift_JIS.
problem-detail-file-encoding = This is no text in the encoding expected. Save the file as “CSV UTF-8”, and send that.
problem-detail-file-rows = The file has more than { $most } rows. Send it in parts.
problem-detail-column-unknown = There is no field “{ $field }”. There are: { $known }.
problem-detail-column-twice = { $field }: the column is there twice, first as column { $first }. Take one away.
problem-detail-column-missing = The column { $field } is missing; each row needs it.
problem-detail-row-columns = There are more than 256 columns. Take some away.
problem-detail-row-short = The row has fewer cells than the header. See whether a separator or a quotation mark is missing.
problem-detail-row-twice = { $field }: line { $first } has the same. Keep one of the two rows, or give one another value.
problem-detail-cell-length = The cell has more than 4096 characters. See whether a quotation mark is missing.
problem-detail-cell-unnamed = The column of this cell has no name. Name it in the header, or empty it.
problem-detail-cell-empty = { $field } is empty; each row needs it.
problem-detail-cell-flag = { $field }: write true or false.
problem-detail-cell-number = { $field }: write a whole number in digits.
problem-detail-cell-json = { $field }: write a list or an object as JSON has it.
