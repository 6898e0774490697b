-- Two files of one name may begin with the same line; the tail tells which was read how far.
-- Views are made anew, and stand in the way of a rename.
DROP VIEW IF EXISTS log_offsets;
DELETE FROM meta WHERE name = 'views';
CREATE TABLE log_place (
    path   TEXT    NOT NULL,
    device INTEGER NOT NULL,
    inode  INTEGER NOT NULL,
    digest BLOB    NOT NULL,            -- of the file's first line: survives rename and compression
    offset INTEGER NOT NULL,
    tail   BLOB,                        -- of the bytes before offset; NULL: not known
    seen   INTEGER NOT NULL,
    PRIMARY KEY (path, digest, device, inode)
) STRICT, WITHOUT ROWID;
INSERT INTO log_place (path, device, inode, digest, offset, seen)
    SELECT path, device, inode, digest, offset, seen FROM log_offset;
DROP TABLE log_offset;
ALTER TABLE log_place RENAME TO log_offset;
CREATE INDEX log_offset_digest ON log_offset (digest);
