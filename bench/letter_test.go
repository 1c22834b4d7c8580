package main

import (
	"bytes"
	"net/mail"
	"strings"
	"testing"
	"time"
)

// All forms of a letter have the size of its cell, and the same text.
func TestLetter(t *testing.T) {
	for _, c := range cells([]int{1 << 10, 50 << 10}, []int{1, 10}, []time.Duration{0}) {
		t.Run(c.String(), func(t *testing.T) {
			l, err := newLetter(c.size, c.recipients)
			if err != nil {
				t.Fatal(err)
			}
			m, err := l.msg()
			if err != nil {
				t.Fatal(err)
			}
			var msg bytes.Buffer
			if _, err := m.WriteTo(&msg); err != nil {
				t.Fatal(err)
			}
			email, err := l.email.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(msg.Bytes(), l.data) {
				t.Errorf("Msg is rendered as %q, want %q", msg.Bytes(), l.data)
			}
			if !bytes.HasSuffix(l.data, l.text) {
				t.Error("the data does not end with the text")
			}
			for form, data := range map[string][]byte{"data": l.data, "email": email} {
				checkRendered(t, form, data, c)
			}
		})
	}
}

func checkRendered(t *testing.T, form string, data []byte, c cell) {
	t.Helper()
	if len(data) != c.size {
		t.Errorf("%s has %d bytes, want %d", form, len(data), c.size)
	}
	if n := bytes.Count(data, []byte("\r\n")); n != bytes.Count(data, []byte("\n")) || n != bytes.Count(data, []byte("\r")) {
		t.Errorf("%s has bare line ends", form)
	}
	if !bytes.Contains(data, []byte("\r\n.This")) {
		t.Errorf("%s has no line that begins with a dot", form)
	}
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", form, err)
	}
	to, err := m.Header.AddressList("To")
	if err != nil || len(to) != c.recipients {
		t.Errorf("%s is to %v, %v; want %d recipients", form, to, err, c.recipients)
	}
}

func TestLetterTooSmall(t *testing.T) {
	if _, err := newLetter(100, 1); err == nil || !strings.Contains(err.Error(), "100 bytes") {
		t.Errorf("error %v, want one that names the size", err)
	}
}

func TestFiller(t *testing.T) {
	for n := 2; n < 500; n++ {
		text := filler(n)
		if len(text) != n || !bytes.HasSuffix(text, []byte("\r\n")) {
			t.Fatalf("filler(%d) has %d bytes and ends with %q", n, len(text), text[max(0, len(text)-2):])
		}
		for line := range bytes.SplitSeq(text, []byte("\r\n")) {
			if len(line) > 76 {
				t.Fatalf("filler(%d) has a line of %d bytes, which would be folded", n, len(line))
			}
		}
	}
}
