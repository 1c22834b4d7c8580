package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// recordRoom is the disk space in octets that is kept for the record of one
// message on the wire.
const recordRoom = 2 << 10

// report is the file of records; nil writes nothing. It is written without a
// buffer, so that what has happened is on record whatever happens next. It is
// safe for concurrent use.
type report struct {
	lost   io.Writer // writer for the records that the file has no room for
	onWire int       // messages that may be on the wire at once

	mu      sync.Mutex // held while a line is written: lines must not mix
	file    reportFile
	reserve *reserve
	end     int64 // offset behind the last whole line; -1 when the file cannot be cut
	err     error // the first; after it only what a later run must know is written
}

// reportFile is the part of an *os.File that a report needs.
type reportFile interface {
	io.WriteCloser
	Truncate(size int64) error
}

// openReport opens the file at path. What is in it stays until begin.
func openReport(o options, lost io.Writer) (*report, error) {
	if o.report == "" {
		return nil, nil
	}
	file, err := os.OpenFile(o.report, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	if err := lock(file); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is in use by another run", o.report), file.Close())
	}
	connections := o.relay.Limits.Connections
	if connections == 0 {
		connections = defaultConnections
	}
	return &report{lost: lost, onWire: 2 * connections, file: file, end: -1}, nil
}

// checkOverwritten refuses files to write to that are read as well, or written for
// another purpose.
func (o *options) checkOverwritten() error {
	files := []struct{ flag, path string }{
		{"-to", o.to}, {"-message", o.message}, {"-profiles", o.profilesFrom},
		{"-ca", o.ca}, {"-cert", o.cert}, {"-cert-key", o.certKey}, {"-dkim-key", o.dkimKey},
	}
	return errors.Join(notAny("-report", o.report, files),
		notAny("-memory", o.memory, append(files, struct{ flag, path string }{"-report", o.report})))
}

// notAny refuses a file to write to that is one of others.
func notAny(flag, path string, others []struct{ flag, path string }) error {
	there, err := os.Stat(path)
	for _, other := range others {
		same := path != "" && path == other.path
		if in, otherErr := os.Stat(other.path); err == nil && otherErr == nil {
			same = os.SameFile(there, in) && there.Mode().IsRegular()
		}
		if same {
			return fmt.Errorf("%s: %s is also the file of %s, and would be overwritten", flag, path, other.flag)
		}
	}
	return nil
}

// begin cuts the file to its first keep octets, adds the given records, and makes sure
// that all mail on the wire can be recorded.
func (r *report) begin(keep int64, records ...record) error {
	if r == nil {
		return nil
	}
	if file, ok := r.file.(*os.File); ok {
		info, err := file.Stat()
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() { // a pipe has nothing to cut
			if err := r.cut(file, keep); err != nil {
				return err
			}
		}
	}
	for _, made := range records {
		if err := r.add(made); err != nil {
			return err
		}
	}
	return nil
}

func (r *report) cut(file *os.File, keep int64) (err error) {
	if err = file.Truncate(keep); err != nil {
		return err
	}
	if r.end, err = file.Seek(keep, io.SeekStart); err != nil {
		return err
	}
	r.reserve, err = newReserve(filepath.Dir(file.Name()), r.onWire*recordRoom)
	return err
}

// add writes a record. It fails once, with the first error. The mail on the wire then
// goes to the reserved room, and to stderr when that is full too.
func (r *report) add(made record) error {
	if r == nil {
		return nil
	}
	var line bytes.Buffer
	_ = writeJSON(&line, made) // a record is text and numbers
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		err := r.writeLocked(line.Bytes())
		if err == nil {
			return nil
		}
		r.err = err
		r.reserve.close()
		r.keepLocked(made, line.Bytes())
		return err
	}
	r.keepLocked(made, line.Bytes())
	return nil
}

// keepLocked writes a record after the first error. Mail without a record counts as not
// sent, so that records of unsent mail can be left out.
func (r *report) keepLocked(made record, line []byte) {
	if made.ending() == endedOpen {
		return
	}
	if err := r.writeLocked(line); err != nil {
		r.lost.Write(line)
	}
}

// writeLocked writes a line whole or not at all.
func (r *report) writeLocked(line []byte) error {
	n, err := r.file.Write(line)
	switch {
	case err == nil && r.end >= 0:
		r.end += int64(n)
	case err != nil && n > 0 && r.end >= 0:
		return errors.Join(err, r.file.Truncate(r.end), r.rewindLocked())
	}
	return err
}

// rewindLocked puts the next line where a line that was cut off had begun.
func (r *report) rewindLocked() error {
	if file, ok := r.file.(io.Seeker); ok {
		_, err := file.Seek(r.end, io.SeekStart)
		return err
	}
	return nil
}

// close closes the file and gives the room that was kept back.
func (r *report) close() error {
	if r == nil {
		return nil
	}
	r.reserve.close()
	return r.file.Close()
}

// reserve is disk space that is given back when it is needed. nil has none.
type reserve struct{ file *os.File }

// newReserve takes size octets on the disk of a folder. A folder that takes no
// files is no error: the report can be written to nevertheless.
func newReserve(folder string, size int) (*reserve, error) {
	file, err := os.CreateTemp(folder, ".bulk-reserve-")
	if errors.Is(err, os.ErrPermission) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := &reserve{file}
	os.Remove(file.Name()) // where an open file cannot be removed, close does it
	if _, err := file.Write(bytes.Repeat([]byte{'.'}, size)); err != nil {
		r.close()
		return nil, fmt.Errorf("no room for the records of what would be on the wire, %d KiB: %w", size>>10, err)
	}
	return r, nil
}

// close gives the space back.
func (r *reserve) close() {
	if r != nil {
		r.file.Truncate(0)
		r.file.Close()
		os.Remove(r.file.Name())
	}
}
