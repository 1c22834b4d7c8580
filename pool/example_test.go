package pool_test

import (
	"context"
	"fmt"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// mailer is a User with a list of deliveries, for one connection.
type mailer struct {
	waiting []*pool.Delivery
	closed  chan error
}

// Next hands out one delivery after the other, and ends the connection with the
// last.
func (m *mailer) Next(*pool.Conn) (d *pool.Delivery, last bool) {
	if len(m.waiting) == 0 {
		return nil, true
	}
	d = m.waiting[0]
	m.waiting = m.waiting[1:]
	return d, len(m.waiting) == 0
}

// Done tells every recipient's outcome. A sender would queue those again who
// are to be tried later.
func (m *mailer) Done(d *pool.Delivery, r pool.Report) {
	for i, a := range r.Recipients {
		fmt.Printf("%s: %s at %s\n", d.To[i], a.Verdict.Recipient, a.Stage)
	}
}

// Closed ends the example.
func (m *mailer) Closed(_ *pool.Conn, err error) { m.closed <- err }

// What this mailer has no use for: a sender would take tokens from its rate
// limits in MailWritten, and open another connection in Leaving if mail waits.
func (m *mailer) Opened(*pool.Conn)                               {}
func (m *mailer) MailWritten(*pool.Delivery)                      {}
func (m *mailer) RcptsWritten(*pool.Delivery)                     {}
func (m *mailer) BeforeDot(context.Context, *pool.Delivery) error { return nil }
func (m *mailer) Follower(*pool.Delivery) *pool.Delivery          { return nil }
func (m *mailer) Leaving(*pool.Conn)                              {}

// Reply makes the mailer a ReplyObserver.
func (m *mailer) Reply(_ *pool.Conn, stage classify.Stage, r *classify.Reply) {
	if stage == classify.StageRcpt {
		fmt.Println(r)
	}
}

// One connection takes one message for two recipients, one of whom the
// receiver does not know, and ends.
func Example() {
	server := smtptest.NewServer(smtptest.Config{StartTLS: true, Fault: smtptest.Rules(
		smtptest.Rule{Recipient: "nobody@example.com", Fault: smtptest.Fault{Reply: "550 5.1.1 no such user"}},
	)})
	defer server.Close()

	p, err := pool.New(pool.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	body, err := pool.NewBody([]byte("Subject: Hello\r\n\r\nHow are you?\r\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	m := &mailer{closed: make(chan error), waiting: []*pool.Delivery{{
		From: "me@example.net",
		To:   []string{"somebody@example.com", "nobody@example.com"},
		Body: body,
	}}}
	endpoint := pool.Endpoint{Addr: server.Addr, TLSConfig: server.ClientTLS()}
	if err := p.Open(endpoint, m); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("closed:", <-m.closed)
	fmt.Println("shut down:", p.Shutdown(context.Background()))
	// Output:
	// 250 2.1.5 Ok
	// 550 5.1.1 no such user
	// somebody@example.com: delivered at dot
	// nobody@example.com: refused at RCPT
	// closed: <nil>
	// shut down: <nil>
}
