-- A line is its phone and its position: one index finds its history, and what goes with the line.
DROP INDEX line_history_by_line;
DROP INDEX line_history_of_phones;
ALTER TABLE line_history DROP COLUMN line;
CREATE INDEX line_history_of_lines ON line_history (phone, position, id);
