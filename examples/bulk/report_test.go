package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/smtpace/smtpace"
)

// fallibleFile is a file of a report that takes room octets, and fails to be cut or
// wound back if that is wanted.
type fallibleFile struct {
	failingFile
	at            int64
	cutErr, seeks error
	cuts          int
}

func (f *fallibleFile) Write(p []byte) (int, error) {
	n, err := f.failingFile.Write(p)
	f.at += int64(n)
	return n, err
}

func (f *fallibleFile) Truncate(size int64) error {
	if f.cuts++; f.cutErr != nil {
		return f.cutErr
	}
	return f.failingFile.Truncate(size)
}

func (f *fallibleFile) Seek(offset int64, _ int) (int64, error) {
	if f.seeks == nil {
		f.at = offset
	}
	return f.at, f.seeks
}

// A line is written whole or not at all: what was written of one that does not fit is
// cut off again, and the next line begins there. Lines before it stay.
func TestOnlyTheLineThatDoesNotFitIsCut(t *testing.T) {
	full := errors.New("full")
	made := record{Address: "a@x.example", Status: smtpace.Delivered}
	var whole bytes.Buffer
	if err := writeJSON(&whole, made); err != nil {
		t.Fatal(err)
	}
	for _, more := range []int{0, 1, whole.Len() - 1} {
		for before := range 3 { // whole lines before it
			file := &fallibleFile{failingFile: failingFile{room: before*whole.Len() + more, err: full}}
			r := &report{lost: io.Discard, file: file}
			for range before {
				if err := r.add(made); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.add(made); err == nil || err.Error() != "full" {
				t.Errorf("%d lines and %d octets: got %v, want full", before, more, err)
			}
			if want := strings.Repeat(whole.String(), before); string(file.text) != want || file.at != int64(len(want)) {
				t.Errorf("%d lines and %d octets: left %q, next at %d", before, more, file.text, file.at)
			}
		}
	}
}

// A report that cannot be cut, such as a pipe, keeps what it has got; and of a line of
// which nothing was written nothing is cut off.
func TestLinesThatAreNotCut(t *testing.T) {
	full := errors.New("full")
	for name, c := range map[string]struct {
		room int
		end  int64
		want string // "" means no more than the file says
		cuts int
	}{
		"a pipe":           {20, -1, "full", 0},
		"a pipe, at once":  {0, -1, "full", 0},
		"nothing written":  {0, 0, "full", 0},
		"some of the line": {20, 0, "full\nnot cut\nnot wound", 2}, // and once more for the room that was kept
	} {
		file := &fallibleFile{failingFile: failingFile{room: c.room, err: full}, cutErr: errors.New("not cut"), seeks: errors.New("not wound")}
		r := &report{lost: io.Discard, file: file, end: c.end}
		err := r.add(record{Address: "a@x.example", Status: smtpace.Delivered})
		if err == nil || err.Error() != c.want || file.cuts > c.cuts || c.cuts > 0 && file.cuts == 0 {
			t.Errorf("%s: got %v after %d cuts, want %q", name, err, file.cuts, c.want)
		}
	}
}

// What a report cannot do at its beginning is told then, before any mail is on the wire.
func TestReportsThatCannotBegin(t *testing.T) {
	full := errors.New("full")
	cut := record{Address: "a@x.example", Status: smtpace.Unknown}
	r := &report{lost: io.Discard, file: &failingFile{err: full}, end: -1}
	if err := r.begin(0, cut); !errors.Is(err, full) {
		t.Errorf("a record that does not fit: got %v", err)
	}
	closed, err := os.Create(filepath.Join(t.TempDir(), "report"))
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := (&report{file: closed, end: -1}).begin(0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a file that is closed: got %v", err)
	}
	var none *report
	if err := errors.Join(none.begin(7, cut), none.add(cut), none.close()); err != nil {
		t.Errorf("no report: got %v", err)
	}
}

// Room is kept next to a report for the records of what may be on the wire, two messages
// of each connection and 2 KiB for each; it is given back when the report is closed. A
// folder in which no room can be kept is an error.
func TestRoomForWhatIsOnTheWire(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("folder", 0o700); err != nil {
		t.Fatal(err)
	}
	for connections, size := range map[int]int64{0: 80 << 10, 3: 12 << 10} {
		o := options{report: filepath.Join("folder", "report")}
		o.relay.Limits.Connections = connections
		r, err := openReport(o, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.begin(0); err != nil {
			t.Fatal(err)
		}
		kept := r.reserve.file
		if info, err := kept.Stat(); err != nil || info.Size() != size {
			t.Errorf("%d connections: room of %v, %v, want %d octets", connections, info, err, size)
		}
		if err := r.close(); err != nil {
			t.Error(err)
		}
		if _, err := kept.Stat(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("the room is still kept: %v", err)
		}
	}
	r, err := openReport(options{report: filepath.Join("folder", "report")}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	t.Chdir(t.TempDir()) // there is no folder "folder" here
	if err := r.begin(0); err == nil {
		t.Error("a report without room began")
	}
}

// The first record that does not fit gives back the room that was kept.
func TestFullReportUsesItsRoom(t *testing.T) {
	kept, err := newReserve(t.TempDir(), 10)
	if err != nil {
		t.Fatal(err)
	}
	r := &report{lost: io.Discard, file: &failingFile{err: errors.New("full")}, reserve: kept}
	if err := r.add(record{Address: "a@x.example"}); err == nil {
		t.Fatal("no error")
	}
	if _, err := kept.file.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the room is still kept: %v", err)
	}
}

// A file to write to is refused that is read as well, by whatever name; devices are not.
func TestFilesThatAreReadAreNotOverwritten(t *testing.T) {
	list := writeFile(t, "list", "ann@x.example\n")
	again := filepath.Dir(list) + string(filepath.Separator) + "." + string(filepath.Separator) + filepath.Base(list)
	other := writeFile(t, "other", "x")
	for path, refused := range map[string]bool{
		list: true, again: true, other: false, list + ".new": false, "": false, os.DevNull: false,
	} {
		err := notAny("-report", path, []struct{ flag, path string }{{"-ca", ""}, {"-to", list}, {"-cert", os.DevNull}, {"-cert-key", list + ".absent"}})
		if (err != nil) != refused || refused && !strings.Contains(err.Error(), "-report: "+path+" is also the file of -to") {
			t.Errorf("%q: got %v", path, err)
		}
	}
	absent := []struct{ flag, path string }{{"-to", list + ".absent"}}
	if notAny("-report", list+".absent", absent) == nil {
		t.Error("a file that is yet to be made is both read and written")
	}
}
