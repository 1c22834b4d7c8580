package smtpace

import (
	"errors"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/wneessen/go-mail"
)

const plain = "From: a@example.com\r\nTo: b@example.com\r\nSubject: s\r\n\r\nbody\r\n"

func TestEnvelopeOfMsg(t *testing.T) {
	m := mail.NewMsg()
	if err := errors.Join(m.From("Head <head@example.com>"), m.EnvelopeFrom("bounce@example.com"),
		m.To("One <one@example.com>", `"two words"@Example.net`), m.Cc("three@example.com"),
		m.Bcc("four@example.com", "one@example.com")); err != nil {
		t.Fatal(err)
	}
	from, rcpts, err := (&Message{Msg: m}).envelope(new(recipientRoom))
	if err != nil {
		t.Fatal(err)
	}
	if from != "bounce@example.com" {
		t.Errorf("from = %q", from)
	}
	var got []string
	for _, a := range rcpts.addresses {
		got = append(got, a.mailbox)
	}
	want := []string{"one@example.com", `"two words"@example.net`, "three@example.com", "four@example.com"}
	if !slices.Equal(got, want) {
		t.Errorf("to = %q, want %q", got, want)
	}
}

func TestEnvelopeRefuses(t *testing.T) {
	msg := func(change func(*mail.Msg)) Message {
		m := mail.NewMsg()
		if err := errors.Join(m.From("a@example.com"), m.To("b@example.com")); err != nil {
			t.Fatal(err)
		}
		change(m)
		return Message{Msg: m}
	}
	for _, tc := range []struct {
		name string
		m    Message
		why  string
	}{
		{"nothing", Message{}, "neither Msg nor Data"},
		{"both", Message{Msg: mail.NewMsg(), To: []string{"b@example.com"}}, "must be empty"},
		{"no recipients", Message{From: "a@example.com", Data: []byte(plain)}, "no recipients"},
		{"bad sender", Message{From: "a", To: []string{"b@example.com"}, Data: []byte(plain)}, "sender"},
		{"bad recipient", Message{To: []string{"b@example.com", "c@@"}, Data: []byte(plain)}, "c@@"},
		{"CR in an address", Message{To: []string{"b@example.com\r\nDATA"}, Data: []byte(plain)}, "line break"},
		{"negative expiry", Message{To: []string{"b@example.com"}, Data: []byte(plain), Expiry: -time.Second}, "Expiry"},
		{"DSN", Message{To: []string{"b@example.com"}, Data: []byte(plain), DSN: pool.DSN{EnvelopeID: "a\nb"}}, "DSN"},
		{"broken header", Message{To: []string{"b@example.com"}, Data: []byte("hello")}, "line 1"},
		{"msg without sender", Message{Msg: mail.NewMsg()}, "no sender"},
		{"msg without recipients", msg(func(m *mail.Msg) { m.SetAddrHeaderFromMailAddress(mail.HeaderTo) }), "no recipients"},
		{"msg with LF in an address", msg(func(m *mail.Msg) {
			m.SetAddrHeaderFromMailAddress(mail.HeaderTo, &netmail.Address{Address: "b@example.com\nRCPT TO:<c@example.com>"})
		}), "line break"},
		{"msg with NUL in an address", msg(func(m *mail.Msg) {
			m.SetAddrHeaderFromMailAddress(mail.HeaderCc, &netmail.Address{Address: "b\x00@example.com"})
		}), "control"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := tc.m.envelope(new(recipientRoom))
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tc.why) {
				t.Errorf("got %v, want an ErrInvalid that says %q", err, tc.why)
			}
		})
	}
}

func TestEnvelopeReportsAllMistakes(t *testing.T) {
	_, _, err := (&Message{From: "x", To: []string{"y", "z"}, Data: []byte("hello")}).envelope(new(recipientRoom))
	for _, want := range []string{`"x"`, `"y"`, `"z"`, "line 1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not mention %s", err, want)
		}
	}
}
