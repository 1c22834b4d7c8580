package main

import (
	"errors"
	"os/exec"
	"sync"
	"sync/atomic"
)

// row is one line of the table: a way to send mail.
type row struct {
	name string
	// open readies a mailer to send a letter to addr.
	open func(addr string, l *letter) (mailer, error)
	// bulk says that a measurement takes many messages where they cost little:
	// at least as many as the goals ask for.
	bulk bool
	// ours says that the row is profiled.
	ours bool
}

// mailer sends one letter again and again, over as many connections as the
// bench allows.
type mailer interface {
	// send returns when n messages have been accepted.
	send(n int) error
	close() error
}

// Names of the rows that the goals speak of.
const (
	goMailKept  = "go-mail, kept connections"
	goMailBare  = "go-mail, kept connections, no NOOP, no RSET"
	smtppoolRow = "smtppool"
	sourceRow   = "smtp-source -s 4 -d"
	goalRow     = "smtpace, rendered messages"
	boundRow    = "bound: a bare loop"
)

// rows returns the rows of the table; smtp-source is one where it is installed.
func rows() []row {
	all := []row{
		{name: "go-mail, DialAndSend", open: openDialAndSend},
		{name: goMailKept, open: openKept},
		{name: goMailBare, open: openBare},
		{name: smtppoolRow, open: openSmtppool},
	}
	if program, err := findSource(); err == nil {
		all = append(all, row{name: sourceRow, bulk: true, open: func(addr string, l *letter) (mailer, error) {
			return openSource(program, addr, l)
		}})
	}
	return append(all,
		row{name: goalRow, open: openRendered, bulk: true, ours: true},
		row{name: "smtpace, *mail.Msg", open: openMsg, bulk: true, ours: true},
		row{name: boundRow, open: openBound, bulk: true},
	)
}

// findSource looks where Debian has the program, too, which is not on
// everybody's PATH.
func findSource() (string, error) {
	program, err := exec.LookPath("smtp-source")
	if err != nil {
		return exec.LookPath("/usr/sbin/smtp-source")
	}
	return program, nil
}

// tickets are given out until there are no more; safe for concurrent use.
type tickets struct{ left atomic.Int64 }

func newTickets(n int) *tickets {
	t := &tickets{}
	t.left.Store(int64(n))
	return t
}

func (t *tickets) take() bool { return t.left.Add(-1) >= 0 }

// everywhere runs work for each connection, all at once, and joins the errors.
func everywhere(work func(i int) error) error {
	var wg sync.WaitGroup
	var errs [connections]error
	for i := range errs {
		wg.Go(func() { errs[i] = work(i) })
	}
	wg.Wait()
	return errors.Join(errs[:]...)
}

// spread sends n messages one at a time on each connection, the next on
// whichever is free.
func spread(n int, one func(i int) error) error {
	t := newTickets(n)
	return everywhere(func(i int) error {
		for t.take() {
			if err := one(i); err != nil {
				return err
			}
		}
		return nil
	})
}
