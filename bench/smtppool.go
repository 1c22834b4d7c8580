package main

import (
	"github.com/knadh/smtppool/v2"
)

// pooled sends with smtppool: as many goroutines as connections, so that none
// waits for one.
type pooled struct {
	pool  *smtppool.Pool
	email smtppool.Email
}

func openSmtppool(addr string, l *letter) (mailer, error) {
	host, port, err := splitAddr(addr)
	if err != nil {
		return nil, err
	}
	pool, err := smtppool.New(smtppool.Opt{Host: host, Port: port, MaxConns: connections, PoolWaitTimeout: patience})
	if err != nil {
		return nil, err
	}
	return &pooled{pool: pool, email: l.email}, nil
}

func (p *pooled) send(n int) error {
	return spread(n, func(int) error { return p.pool.Send(p.email) })
}

// close lets the pool end its connections while the next row goes on: its
// Close sleeps for two seconds.
func (p *pooled) close() error {
	go p.pool.Close()
	return nil
}
