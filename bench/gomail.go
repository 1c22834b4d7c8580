package main

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"
)

// patience is the time that a peer waits for a reply; a measurement takes
// seconds.
const patience = time.Minute

// gomail sends with go-mail: a client for each connection, so that they share
// no lock, and a message each, for a Msg cannot be rendered concurrently.
type gomail struct {
	clients  [connections]*mail.Client
	messages [connections]*mail.Msg
	kept     bool // dialled once, not for every message
}

func openDialAndSend(addr string, l *letter) (mailer, error) { return newGomail(addr, l) }

func openKept(addr string, l *letter) (mailer, error) { return dialGomail(addr, l) }

func openBare(addr string, l *letter) (mailer, error) {
	return dialGomail(addr, l, mail.WithoutNoop(), mail.WithoutRset())
}

func newGomail(addr string, l *letter, options ...mail.Option) (*gomail, error) {
	host, port, err := splitAddr(addr)
	if err != nil {
		return nil, err
	}
	options = append(options, mail.WithPort(port), mail.WithTLSPolicy(mail.NoTLS), mail.WithTimeout(patience))
	g := &gomail{}
	for i := range connections {
		if g.clients[i], err = mail.NewClient(host, options...); err != nil {
			return nil, err
		}
		if g.messages[i], err = l.msg(); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func dialGomail(addr string, l *letter, options ...mail.Option) (mailer, error) {
	g, err := newGomail(addr, l, options...)
	if err != nil {
		return nil, err
	}
	g.kept = true
	err = everywhere(func(i int) error { return g.clients[i].DialWithContext(context.Background()) })
	if err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

func (g *gomail) send(n int) error {
	return spread(n, func(i int) error {
		if g.kept {
			return g.clients[i].Send(g.messages[i])
		}
		return g.clients[i].DialAndSend(g.messages[i])
	})
}

func (g *gomail) close() error {
	if !g.kept {
		return nil
	}
	return everywhere(func(i int) error { return g.clients[i].Close() })
}

func splitAddr(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(text)
	return host, port, err
}
