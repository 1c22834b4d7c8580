package pool

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Timeouts bounds every step of a session. Each is the time for the whole
// step, the command and its complete reply, however slowly the bytes drip. A
// zero field means its default; a negative one is an error of [New].
type Timeouts struct {
	Dial      time.Duration // name lookup and TCP connection; default 30 s
	TLS       time.Duration // the handshake on an implicit TLS port; default 30 s
	Greeting  time.Duration // the 220 banner; default 5 min (RFC 5321 4.5.3.2.1)
	Hello     time.Duration // EHLO or HELO; default 5 min
	StartTLS  time.Duration // STARTTLS, the handshake and the EHLO behind it; default 5 min
	Auth      time.Duration // asking for credentials, then again for the whole login; default 5 min
	Mail      time.Duration // MAIL; default 5 min (RFC 5321 4.5.3.2.2)
	Rcpt      time.Duration // each RCPT; default 5 min (4.5.3.2.3)
	Data      time.Duration // DATA until its 354; default 2 min (4.5.3.2.4)
	Block     time.Duration // each write of up to 64 KiB of the message; default 3 min (4.5.3.2.5)
	BeforeDot time.Duration // [User.BeforeDot]; default 1 min
	Dot       time.Duration // the final dot until its reply; default 10 min (4.5.3.2.6)
	Reset     time.Duration // RSET; default 20 s
	Quit      time.Duration // QUIT, its reply and the end of the connection; default 5 s
}

// withDefaults returns t with its zero fields filled in.
func (t Timeouts) withDefaults() Timeouts {
	return Timeouts{
		Dial:      cmp.Or(t.Dial, 30*time.Second),
		TLS:       cmp.Or(t.TLS, 30*time.Second),
		Greeting:  cmp.Or(t.Greeting, 5*time.Minute),
		Hello:     cmp.Or(t.Hello, 5*time.Minute),
		StartTLS:  cmp.Or(t.StartTLS, 5*time.Minute),
		Auth:      cmp.Or(t.Auth, 5*time.Minute),
		Mail:      cmp.Or(t.Mail, 5*time.Minute),
		Rcpt:      cmp.Or(t.Rcpt, 5*time.Minute),
		Data:      cmp.Or(t.Data, 2*time.Minute),
		Block:     cmp.Or(t.Block, 3*time.Minute),
		BeforeDot: cmp.Or(t.BeforeDot, time.Minute),
		Dot:       cmp.Or(t.Dot, 10*time.Minute),
		Reset:     cmp.Or(t.Reset, 20*time.Second),
		Quit:      cmp.Or(t.Quit, 5*time.Second),
	}
}

// validate names every negative field.
func (t Timeouts) validate() error {
	fields := []struct {
		name  string
		value time.Duration
	}{
		{"Dial", t.Dial}, {"TLS", t.TLS}, {"Greeting", t.Greeting}, {"Hello", t.Hello},
		{"StartTLS", t.StartTLS}, {"Auth", t.Auth}, {"Mail", t.Mail}, {"Rcpt", t.Rcpt},
		{"Data", t.Data}, {"Block", t.Block}, {"BeforeDot", t.BeforeDot}, {"Dot", t.Dot}, {"Reset", t.Reset},
		{"Quit", t.Quit},
	}
	var errs []error
	for _, f := range fields {
		if f.value < 0 {
			errs = append(errs, fmt.Errorf("pool: Timeouts.%s is %v; it must be positive, or 0 for the default", f.name, f.value))
		}
	}
	return errors.Join(errs...)
}
