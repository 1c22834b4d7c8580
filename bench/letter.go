package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/knadh/smtppool/v2"
	"github.com/wneessen/go-mail"
)

const (
	from      = "news@bench.example"
	subject   = "What is new this week"
	messageID = "20260102.150405@bench.example"
)

// letter is the message of a cell in the forms that the senders take. Each form
// has the same size once rendered: all carry the same bytes over the wire,
// except for the fields they add themselves.
type letter struct {
	to    []string
	data  []byte // rendered by go-mail
	text  []byte // the text part of data
	email smtppool.Email
}

func newLetter(size, recipients int) (*letter, error) {
	l := &letter{}
	for i := range recipients {
		l.to = append(l.to, fmt.Sprintf("r%d@example.com", i+1))
	}
	var err error
	l.text, l.data, err = fit(size, func(text []byte) ([]byte, error) {
		l.text = text
		m, err := l.msg()
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		_, err = m.WriteTo(&b)
		return b.Bytes(), err
	})
	if err != nil {
		return nil, err
	}
	_, _, err = fit(size, func(text []byte) ([]byte, error) {
		l.email = smtppool.Email{
			From: from, To: l.to, Subject: subject, Text: text,
			Headers: map[string][]string{"Message-Id": {"<" + messageID + ">"}},
		}
		return l.email.Bytes()
	})
	return l, err
}

// fit finds the text with which a message has the size wanted.
func fit(size int, render func(text []byte) ([]byte, error)) (text, data []byte, err error) {
	shortest := filler(2)
	if data, err = render(shortest); err != nil {
		return nil, nil, err
	}
	n := size - (len(data) - len(shortest))
	if n < 2 {
		return nil, nil, fmt.Errorf("a message of %d bytes cannot be made: the header alone has %d", size, len(data)-len(shortest))
	}
	text = filler(n)
	if data, err = render(text); err == nil && len(data) != size {
		err = fmt.Errorf("a message of %d bytes was rendered in %d", size, len(data))
	}
	return text, data, err
}

// filler gives n bytes of text in lines that no encoding has to change, each
// ended by CRLF; some begin with a dot.
func filler(n int) []byte {
	const line = ".This line is seventy characters long, a plain sentence of a letter.."
	b := make([]byte, 0, n)
	for i := 0; n-len(b) > len(line)+3; i++ {
		b = append(b, line...)
		if i%8 > 0 {
			b[len(b)-len(line)] = ' '
		}
		b = append(b, '\r', '\n')
	}
	b = append(b, strings.Repeat("x", n-len(b)-2)...)
	return append(b, '\r', '\n')
}

// msg gives the letter as a message of go-mail. It may be sent many times, but
// not concurrently.
func (l *letter) msg() (*mail.Msg, error) {
	m := mail.NewMsg()
	if err := m.From(from); err != nil {
		return nil, err
	}
	if err := m.To(l.to...); err != nil {
		return nil, err
	}
	m.Subject(subject)
	m.SetMessageIDWithValue(messageID)
	m.SetDateWithValue(time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC))
	text := l.text
	m.SetBodyWriter(mail.TypeTextPlain, func(w io.Writer) (int64, error) {
		n, err := w.Write(text)
		return int64(n), err
	})
	return m, nil
}
