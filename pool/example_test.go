package pool_test

import (
	"context"
	"fmt"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// once is a Source with a single delivery.
type once struct{ delivery *pool.Delivery }

func (o *once) Next(*pool.Conn) pool.Turn {
	return pool.Turn{Delivery: o.delivery, Retire: true}
}

// One connection takes one message for two recipients, one of whom the
// receiver does not know, and is retired.
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
	to := []string{"somebody@example.com", "nobody@example.com"}
	delivery := &pool.Delivery{
		From: "me@example.net",
		To:   to,
		Data: []byte("Subject: Hello\r\n\r\nHow are you?\r\n"),
		Done: func(r pool.Report) {
			for i, a := range r.Recipients {
				fmt.Printf("%s: %s at %s\n", to[i], a.Verdict.Recipient, a.Stage)
			}
		},
	}
	endpoint := pool.Endpoint{Addr: server.Addr, TLSConfig: server.ClientTLS()}
	closed := make(chan error)
	err = p.Open(endpoint, &once{delivery}, pool.Events{
		Reply: func(_ *pool.Conn, stage classify.Stage, r *classify.Reply) {
			if stage == classify.StageRcpt {
				fmt.Println(r)
			}
		},
		Closed: func(_ *pool.Conn, err error) { closed <- err },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("closed:", <-closed)
	fmt.Println("shut down:", p.Shutdown(context.Background()))
	// Output:
	// 250 2.1.5 Ok
	// 550 5.1.1 no such user
	// somebody@example.com: delivered at dot
	// nobody@example.com: refused at RCPT
	// closed: <nil>
	// shut down: <nil>
}
