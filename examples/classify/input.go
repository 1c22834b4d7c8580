package main

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// open opens a file of the command line; "-" is the standard input.
func open(name string, stdin io.Reader) (io.Reader, io.Closer, error) {
	if name == "-" {
		in, err := decoded(stdin)
		return in, io.NopCloser(nil), err
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	in, err := decoded(file)
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return in, file, nil
}

// decoded unpacks gzip and bzip2, and turns UTF-16 into UTF-8, by how the input begins.
func decoded(in io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(in, chunkSize)
	head, err := buffered.Peek(2)
	if err != nil {
		return buffered, nil // the reader of lines meets it again
	}
	switch {
	case head[0] == 0x1f && head[1] == 0x8b:
		unpacked, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, err
		}
		return decoded(unpacked)
	case string(head) == "BZ":
		return decoded(bzip2.NewReader(buffered))
	case string(head) == "\xfd7":
		return nil, errors.New("it is packed by xz: want xzcat FILE | classify")
	case string(head) == "\x28\xb5":
		return nil, errors.New("it is packed by zstd: want zstdcat FILE | classify")
	case string(head) == "\xff\xfe", string(head) == "\xfe\xff", head[0] == 0 && head[1] != 0, head[0] != 0 && head[1] == 0:
		order := unicode.LittleEndian
		if head[0] == 0 {
			order = unicode.BigEndian
		}
		return transform.NewReader(buffered, unicode.UTF16(order, unicode.UseBOM).NewDecoder()), nil
	case head[0] == 0xef && head[1] == 0xbb:
		if bom, err := buffered.Peek(3); err == nil && bytes.HasPrefix(bom, []byte("\ufeff")) {
			buffered.Discard(len(bom))
		}
	}
	return buffered, nil
}

// rotated is the place of a file in a set of rotated logs.
type rotated struct {
	name string
	base string // of the set
	age  int    // 3 of mail.log.2.gz; 0 for the one that is written
	date string // of mail.log-20261123; "" without one
}

// inOrder sorts the files of each set of rotated logs, the oldest first. The sets
// follow each other as their first files do.
func inOrder(names []string) []rotated {
	var files []rotated
	place := map[string]int{}
	for i, name := range names {
		f := rotatedOf(name)
		if _, known := place[f.base]; !known {
			place[f.base] = i
		}
		files = append(files, f)
	}
	slices.SortStableFunc(files, func(a, b rotated) int {
		return cmp.Or(place[a.base]-place[b.base], b.age-a.age, dateOrder(a.date, b.date))
	})
	return files
}

// dateOrder compares dates, of which none is the last.
func dateOrder(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	}
	return strings.Compare(a, b)
}

// rotatedOf reads what logrotate and newsyslog append: ".0", ".2.gz", "-20261123",
// ".20261123.gz", "-2026-11-23".
func rotatedOf(name string) rotated {
	f := rotated{name: name, base: name}
	for _, packed := range []string{".gz", ".bz2"} {
		f.base = strings.TrimSuffix(f.base, packed)
	}
	if i := len(f.base) - len("-2026-11-23"); i > 0 && (f.base[i] == '-' || f.base[i] == '.') {
		if _, err := time.Parse(time.DateOnly, f.base[i+1:]); err == nil {
			f.base, f.date = f.base[:i], strings.ReplaceAll(f.base[i+1:], "-", "")
			return f
		}
	}
	i := strings.LastIndexAny(f.base, ".-")
	if i <= 0 {
		return f
	}
	digits := f.base[i+1:]
	n, ok := number(digits)
	switch {
	case !ok:
	case len(digits) == 8 || len(digits) == 10:
		f.base, f.date = f.base[:i], digits
	case len(digits) <= 4 && f.base[i] == '.':
		f.base, f.age = f.base[:i], n+1 // newsyslog begins with 0
	}
	return f
}
