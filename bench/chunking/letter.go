package main

import (
	"bytes"
	"fmt"
)

// letter is a message and its envelope as they go over the wire.
type letter struct {
	recipients int
	envelope   []byte // MAIL, RCPT..., DATA
	text       []byte // with the dots of transparency and the final one
	both       []byte // text, then envelope
	chunk      []byte // MAIL, RCPT..., BDAT with the message
	reset      []byte // RSET, then chunk
}

// newLetter makes a message of so many bytes, 64 or more.
func newLetter(size, recipients int) *letter {
	commands := []byte("MAIL FROM:<news@bench.example>\r\n")
	for i := range recipients {
		commands = fmt.Appendf(commands, "RCPT TO:<r%d@example.com>\r\n", i+1)
	}
	data := message(size)
	l := &letter{recipients: recipients}
	l.envelope = append(bytes.Clone(commands), "DATA\r\n"...)
	l.text = append(bytes.ReplaceAll(data, []byte("\r\n."), []byte("\r\n..")), ".\r\n"...)
	l.both = append(bytes.Clone(l.text), l.envelope...)
	l.chunk = append(fmt.Appendf(commands, "BDAT %d LAST\r\n", size), data...)
	l.reset = append([]byte("RSET\r\n"), l.chunk...)
	return l
}

// message returns a header and lines of text, one in eight with a dot in front.
func message(size int) []byte {
	const line = ".This line is seventy characters long, a plain sentence of a letter..\r\n"
	b := []byte("From: <news@bench.example>\r\nSubject: news\r\n\r\n")
	for i := 0; size-len(b) > len(line)+2; i++ {
		b = append(b, line...)
		if i%8 > 0 {
			b[len(b)-len(line)] = ' '
		}
	}
	b = append(b, bytes.Repeat([]byte("x"), size-len(b)-2)...)
	return append(b, '\r', '\n')
}
