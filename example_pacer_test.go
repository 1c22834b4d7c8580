package smtpace_test

import (
	"context"
	"errors"
	"fmt"
	"net/smtp"
	"net/textproto"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

// Do paces a function that sends, and calls it again while that may help.
func ExamplePacer_Do() {
	pacer, err := smtpace.NewPacer(smtpace.PacerConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pacer.Close()

	calls := 0
	err = pacer.Do(context.Background(), "ann@example.com", func(context.Context) error {
		if calls++; calls == 1 { // what your code returns; here a server is busy
			return &textproto.Error{Code: 451, Msg: "4.3.2 busy, try again in 1 second"}
		}
		return nil
	})
	fmt.Println(calls, err)
	// Output: 2 <nil>
}

// SendMail takes the place of smtp.SendMail in code that has it.
func ExamplePacer_SendMail() {
	server := smtptest.NewServer(smtptest.Config{})
	defer server.Close()
	pacer, err := smtpace.NewPacer(smtpace.PacerConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pacer.Close()

	var auth smtp.Auth // of the server, if it wants a login
	err = pacer.SendMail(server.Addr, auth, "news@sender.example",
		[]string{"ann@example.com", "bob@example.org"}, []byte("Subject: News\r\n\r\nHello.\r\n"))
	fmt.Println(err, len(server.Transactions()))
	// Output: <nil> 2
}

// Client lets any number of goroutines share a client of go-mail.
func ExamplePacer_Client() {
	server := smtptest.NewServer(smtptest.Config{InMemory: true})
	defer server.Close()
	client, err := mail.NewClient("mx.test", mail.WithTLSPolicy(mail.NoTLS), mail.WithDialContextFunc(server.DialContext))
	if err != nil {
		fmt.Println(err)
		return
	}
	pacer, err := smtpace.NewPacer(smtpace.PacerConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pacer.Close()
	paced := pacer.Client(client)

	m := mail.NewMsg()
	if err := errors.Join(m.From("news@sender.example"), m.To("ann@example.com")); err != nil {
		fmt.Println(err)
		return
	}
	m.Subject("News")
	m.SetBodyString(mail.TypeTextPlain, "Hello.")
	fmt.Println(paced.DialAndSend(m)) // in the place of client.DialAndSend(m)
	// Output: <nil>
}

// Try is for workers with a queue of their own: it says when to give the job again.
func ExamplePacer_Try() {
	pacer, err := smtpace.NewPacer(smtpace.PacerConfig{
		Destination: throttle.Limits{MessageRate: throttle.Rate{Count: 1, Per: time.Minute}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pacer.Close()

	send := func(context.Context) error { return nil }
	for _, to := range []string{"ann@example.com", "bob@example.com", "cyd@example.com"} {
		err := pacer.Try(context.Background(), to, send)
		if e, ok := errors.AsType[*smtpace.TryError](err); ok {
			fmt.Println(to, "in", time.Until(e.RetryAt).Round(time.Minute))
			continue
		}
		fmt.Println(to, err)
	}
	// Output:
	// ann@example.com <nil>
	// bob@example.com in 1m0s
	// cyd@example.com in 2m0s
}

// DoRequest splits recipients by destination. A function that knows more than one
// outcome returns it for each recipient.
func ExamplePacer_DoRequest() {
	pacer, err := smtpace.NewPacer(smtpace.PacerConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pacer.Close()

	r := smtpace.PaceRequest{To: []string{"ann@example.com", "nobody@example.com", "bob@example.org"}, Relay: "smtp.sender.example:587"}
	err = pacer.DoRequest(context.Background(), r, func(_ context.Context, to []string) error {
		fmt.Println("send to", to)
		if len(to) == 2 {
			return smtpace.RecipientErrors{"nobody@example.com": &textproto.Error{Code: 550, Msg: "5.1.1 no such user"}}
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// send to [ann@example.com nobody@example.com]
	// send to [bob@example.org]
	// smtpace: 1 of 3 recipients not delivered: nobody@example.com refused: 550 "5.1.1 no such user"
}
