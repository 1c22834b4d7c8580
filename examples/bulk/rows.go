package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// maxRecord bounds one entry of the list in octets, so that an unclosed quote
// is found before it has swallowed the file.
const maxRecord = 1 << 20

// row is one entry of the list.
type row struct {
	line    int // where it begins, from 1
	address string
	values  []string // one per column
	note    string   // what was odd and is mended, or does no harm; "" is nothing
	comment bool     // whether it gets no mail; note says why
	given   int      // the values that the line has, when it has fewer than the header; else 0
	err     error    // why it cannot be sent; nil when it can
}

// plainRows reads one address a line.
type plainRows struct {
	r  *bufio.Reader
	n  int   // the line that was read last
	at int64 // the offset behind it
}

func (p *plainRows) next() (row, error) {
	for {
		line, err := p.line()
		if err != nil {
			return row{}, err
		}
		if skipped(line) {
			continue
		}
		address, found := tidyAddress(line)
		return row{
			line: p.n, address: address, values: []string{address},
			note: removed(found, "the address"), err: checkAddress(address),
		}, nil
	}
}

// removed says that a character was taken out; "" when it is 0.
func removed(found rune, from string) string {
	if found == 0 {
		return ""
	}
	return fmt.Sprintf("%s was removed from %s", runeName(found), from)
}

// line reads one line without its end. Of one that is longer than any buffer
// only the beginning is kept, which is too long for an address anyway.
func (p *plainRows) line() (string, error) {
	part, err := p.r.ReadSlice('\n')
	if len(part) == 0 {
		return "", err
	}
	p.n++
	kept := string(part)
	p.at += int64(len(part))
	for err == bufio.ErrBufferFull {
		part, err = p.r.ReadSlice('\n')
		p.at += int64(len(part))
	}
	if err == io.EOF {
		err = nil
	}
	return strings.TrimSuffix(strings.TrimSuffix(kept, "\n"), "\r"), err
}
