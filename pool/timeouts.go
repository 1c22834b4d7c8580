package pool

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Timeouts bounds the steps of a session. Each is the time for a whole step, the
// command and its complete reply, however slowly the bytes drip. A zero field means
// its default; a negative one is an error of [New]. QUIT, its reply and the end of the
// connection have 5 s.
type Timeouts struct {
	// Dial is the time for the name lookup and the TCP connection, and again for the
	// handshake on an implicit TLS port; default 30 s. While a host has other addresses
	// to try, the connection and each step up to TLS have 15 s to a minute.
	Dial time.Duration
	// Command is the time for each of the banner, EHLO or HELO, STARTTLS with its
	// handshake, the credentials, the login, MAIL and RCPT; default 5 min (RFC 5321
	// 4.5.3.2.1 to 4.5.3.2.3). RSET has it too, but 20 s at most.
	Command   time.Duration
	Data      time.Duration // DATA until its 354; default 2 min (RFC 5321 4.5.3.2.4)
	Block     time.Duration // each write of up to 64 KiB of the message; default 3 min (4.5.3.2.5)
	BeforeDot time.Duration // [User.BeforeDot]; default 1 min
	Dot       time.Duration // the final dot until its reply; default 10 min (4.5.3.2.6)
}

const (
	quitTime      = 5 * time.Second
	mostResetTime = 20 * time.Second
)

// withDefaults returns t with its zero fields filled in.
func (t Timeouts) withDefaults() Timeouts {
	return Timeouts{
		Dial:      cmp.Or(t.Dial, 30*time.Second),
		Command:   cmp.Or(t.Command, 5*time.Minute),
		Data:      cmp.Or(t.Data, 2*time.Minute),
		Block:     cmp.Or(t.Block, 3*time.Minute),
		BeforeDot: cmp.Or(t.BeforeDot, time.Minute),
		Dot:       cmp.Or(t.Dot, 10*time.Minute),
	}
}

// reset returns the time for RSET.
func (t Timeouts) reset() time.Duration { return min(t.Command, mostResetTime) }

// validate names every negative field.
func (t Timeouts) validate() error {
	fields := []struct {
		name  string
		value time.Duration
	}{
		{"Dial", t.Dial}, {"Command", t.Command}, {"Data", t.Data}, {"Block", t.Block}, {"BeforeDot", t.BeforeDot}, {"Dot", t.Dot},
	}
	var errs []error
	for _, f := range fields {
		if f.value < 0 {
			errs = append(errs, fmt.Errorf("pool: Timeouts.%s is %v; it must be positive, or 0 for the default", f.name, f.value))
		}
	}
	return errors.Join(errs...)
}
