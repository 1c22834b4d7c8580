package smtpace_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

// A message goes to three recipients, one of whom does not exist. The other two
// get it, and the result says who did not, and why.
func ExampleSender_SendMail() {
	receiver := smtptest.NewServer(smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{
		Stage: smtptest.StageRcpt, Recipient: "gone@example.com",
		Fault: smtptest.Fault{Reply: "550 5.1.1 no such user"},
	})})
	defer receiver.Close()

	sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{
		{Addr: receiver.Addr, TLS: pool.TLSNone}, // in clear text, for a receiver on loopback
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()

	msg := mail.NewMsg()
	_ = msg.From("news@example.org")
	_ = msg.To("ann@example.com", "gone@example.com", "joe@example.net")
	msg.Subject("News")
	msg.SetBodyString(mail.TypeTextPlain, "Hello!")

	result, err := sender.SendMail(context.Background(), msg)
	for _, r := range result.Recipients {
		fmt.Println(r.Address, r.Status)
	}
	fmt.Println(err)
	// Output:
	// ann@example.com delivered
	// gone@example.com refused
	// joe@example.net delivered
	// smtpace: 1 of 3 recipients not delivered: gone@example.com refused: 550 5.1.1 no such user
}

// Submit returns as soon as the message is accepted. Whoever wants the outcome
// waits for Done.
func ExampleSender_Submit() {
	receiver := smtptest.NewServer(smtptest.Config{})
	defer receiver.Close()

	sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{{Addr: receiver.Addr, TLS: pool.TLSNone}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()

	submission, err := sender.Submit(context.Background(), smtpace.Message{
		From: "shop@example.org",
		To:   []string{"ann@example.com"},
		Data: []byte("Subject: Your order\r\n\r\nThank you!\r\n"),
	}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	<-submission.Done()
	fmt.Println(submission.Result().Recipients[0].Status)
	// Output:
	// delivered
}

// A message that still waits is taken back. Nothing was sent, so it may be sent
// again.
func ExampleSubmission_Withdraw() {
	receiver := smtptest.NewServer(smtptest.Config{})
	defer receiver.Close()

	sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{{Addr: receiver.Addr, TLS: pool.TLSNone}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()

	sender.Pause("example.com") // so that the message of this example waits
	submission, err := sender.Submit(context.Background(), smtpace.Message{
		From: "shop@example.org",
		To:   []string{"ann@example.com"},
		Data: []byte("Subject: Your order\r\n\r\nThank you!\r\n"),
	}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("taken back:", submission.Withdraw(errors.New("the order was cancelled")))
	<-submission.Done()
	r := submission.Result().Recipients[0]
	fmt.Println(r.Status, r.Err)
	fmt.Println("safe to send again:", r.SafeToResend())
	// Output:
	// taken back: 1
	// not_tried the order was cancelled
	// safe to send again: true
}

// SendAll pulls messages from a sequence as there is room for them, and reports
// each when its last recipient is settled.
func ExampleSender_SendAll() {
	receiver := smtptest.NewServer(smtptest.Config{})
	defer receiver.Close()

	sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{{Addr: receiver.Addr, TLS: pool.TLSNone}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()

	messages := func(yield func(smtpace.Message) bool) {
		for i := range 100 {
			m := smtpace.Message{
				ID:   i,
				From: "news@example.org",
				To:   []string{fmt.Sprintf("reader%d@example.com", i)},
				Data: []byte("Subject: News\r\n\r\nHello!\r\n"),
			}
			if !yield(m) {
				return
			}
		}
	}
	delivered := 0
	err = sender.SendAll(context.Background(), messages, func(r *smtpace.Result) {
		if r.Delivered() {
			delivered++ // done is never called concurrently
		} else {
			fmt.Println(r.ID, r.Err())
		}
	})
	fmt.Println(delivered, "delivered,", err)
	// Output:
	// 100 delivered, <nil>
}

// Verify finds a wrong password at start.
func ExampleSender_Verify() {
	receiver := smtptest.NewServer(smtptest.Config{StartTLS: true, Users: map[string]string{"news": "correct"}})
	defer receiver.Close()

	sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{{
		Addr:      receiver.Addr,
		TLSConfig: receiver.ClientTLS(),
		Credentials: func(context.Context) (user, secret string, err error) {
			return "news", "wrong", nil
		},
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()

	err = sender.Verify(context.Background())
	if fault, ok := errors.AsType[*pool.Error](err); ok {
		fmt.Println("failed at", fault.Stage)
	}
	if reply, ok := errors.AsType[*classify.Reply](err); ok {
		fmt.Println("code", reply.Code)
	}
	// Output:
	// failed at AUTH
	// code 535
}

// Explain says what holds mail up.
func ExampleSender_Explain() {
	receiver := smtptest.NewServer(smtptest.Config{})
	defer receiver.Close()

	sender, err := smtpace.New(smtpace.Config{
		Relays:       []smtpace.Relay{{Addr: receiver.Addr, TLS: pool.TLSNone}},
		Destinations: map[string]throttle.Limits{"example.com": {Quota: throttle.Quota{Count: 1, Per: 24 * time.Hour}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()

	hello := smtpace.Message{From: "news@example.org", To: []string{"ann@example.com"}, Data: []byte("Subject: News\r\n\r\nHello!\r\n")}
	if _, err := sender.Send(context.Background(), hello); err != nil {
		fmt.Println(err)
	}
	if _, err := sender.Submit(context.Background(), hello, nil); err != nil {
		fmt.Println(err)
	}
	why := sender.Explain("example.com")
	fmt.Println(why.Queued, "waits for", why.Bind.Scope, why.Bind.Limit)
	// Output:
	// 1 waits for destination quota
}

// Pause lets the mail to one domain wait; the rest goes on.
func ExampleSender_Pause() {
	receiver := smtptest.NewServer(smtptest.Config{})
	defer receiver.Close()

	sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{{Addr: receiver.Addr, TLS: pool.TLSNone}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()

	sender.Pause("example.com")
	var waiting []*smtpace.Submission
	for _, to := range []string{"ann@example.com", "joe@example.net"} {
		m := smtpace.Message{From: "news@example.org", To: []string{to}, Data: []byte("Subject: News\r\n\r\nHello!\r\n")}
		submission, err := sender.Submit(context.Background(), m, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		waiting = append(waiting, submission)
	}
	<-waiting[1].Done()
	fmt.Println("example.net:", waiting[1].Result().Recipients[0].Status)
	fmt.Println("example.com:", sender.Explain("example.com").Bind.Limit)
	sender.Resume("example.com")
	<-waiting[0].Done()
	fmt.Println("example.com:", waiting[0].Result().Recipients[0].Status)
	// Output:
	// example.net: delivered
	// example.com: pause
	// example.com: delivered
}

// A receiver refuses mail until its operator has mended something. RetryNow spares the
// mail the minutes that are left of its schedule.
func ExampleSender_RetryNow() {
	var mended atomic.Bool
	receiver := smtptest.NewServer(smtptest.Config{Fault: func(e smtptest.Event) *smtptest.Fault {
		if e.Stage != smtptest.StageRcpt || mended.Load() {
			return nil
		}
		return &smtptest.Fault{Reply: "451 4.3.0 user database unavailable"}
	}})
	defer receiver.Close()

	sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{{Addr: receiver.Addr, TLS: pool.TLSNone}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()

	m := smtpace.Message{From: "news@example.org", To: []string{"ann@example.com"}, Data: []byte("Subject: News\r\n\r\nHello!\r\n")}
	submission, err := sender.Submit(context.Background(), m, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for sender.Stats().Total.Tries == 0 || sender.Explain("example.com").Queued == 0 {
		time.Sleep(10 * time.Millisecond) // until the first try is over
	}
	mended.Store(true)
	sender.RetryNow("example.com")
	<-submission.Done()
	fmt.Println(submission.Result().Recipients[0].Status, "after", submission.Result().Recipients[0].Tries, "tries")
	// Output: delivered after 2 tries
}

// Two Senders share a File, one after the other: the second knows what the first
// has used of the day's quota.
func ExampleFile() {
	receiver := smtptest.NewServer(smtptest.Config{})
	defer receiver.Close()
	dir, err := os.MkdirTemp("", "smtpace")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	config := smtpace.Config{
		Relays:       []smtpace.Relay{{Addr: receiver.Addr, TLS: pool.TLSNone}},
		Destinations: map[string]throttle.Limits{"example.com": {Quota: throttle.Quota{Count: 1, Per: 24 * time.Hour}}},
		Memory:       smtpace.File(filepath.Join(dir, "learned.json")),
	}
	hello := smtpace.Message{From: "news@example.org", To: []string{"ann@example.com"}, Data: []byte("Subject: News\r\n\r\nHello!\r\n")}

	first, err := smtpace.New(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = first.Send(context.Background(), hello)
	fmt.Println(err, first.Shutdown(context.Background()))

	second, err := smtpace.New(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer second.Close()
	if _, err := second.Submit(context.Background(), hello, nil); err != nil {
		fmt.Println(err)
	}
	fmt.Println("waits for", second.Explain("example.com").Bind.Limit)
	// Output:
	// <nil> <nil>
	// waits for quota
}

// Mail to example.com goes through a relay of its own, and that of one tenant
// through another. All other mail goes through Config.Relays.
func ExampleRouteTable() {
	common, partner, tenant := smtptest.NewServer(smtptest.Config{}), smtptest.NewServer(smtptest.Config{}), smtptest.NewServer(smtptest.Config{})
	defer common.Close()
	defer partner.Close()
	defer tenant.Close()
	relay := func(name string, s *smtptest.Server) smtpace.Relay {
		return smtpace.Relay{Name: name, Addr: s.Addr, TLS: pool.TLSNone}
	}

	sender, err := smtpace.New(smtpace.Config{
		Relays: []smtpace.Relay{relay("common", common)},
		Router: smtpace.RouteTable{
			{Pattern: "example.com", Router: smtpace.PromptRouterFunc(func(smtpace.RouteRequest) (smtpace.Route, error) {
				return smtpace.Via(relay("partner", partner), relay("common", common)), nil
			})},
			{Pattern: "*", Router: smtpace.PromptRouterFunc(func(r smtpace.RouteRequest) (smtpace.Route, error) {
				if r.Tenant == "acme" {
					return smtpace.Via(relay("acme", tenant)), nil
				}
				return smtpace.Route{}, smtpace.ErrUseRelays
			})},
		},
		Observers: []smtpace.Observer{{Try: func(t smtpace.Try) { fmt.Println(t.Recipients[0].Address, "through", t.Relay) }}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()

	for _, m := range []smtpace.Message{
		{To: []string{"ann@example.com"}},
		{To: []string{"joe@example.net"}, Tenant: "acme"},
		{To: []string{"joe@example.net"}},
	} {
		m.From, m.Data = "news@example.org", []byte("Subject: News\r\n\r\nHello!\r\n")
		if _, err := sender.Send(context.Background(), m); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// ann@example.com through partner
	// joe@example.net through acme
	// joe@example.net through common
}

// A receiver says with a 550 that a mailbox is only closed for the night. A rule
// makes that a temporary failure, so the message is tried again.
func ExampleConfig_rules() {
	var refused atomic.Bool
	receiver := smtptest.NewServer(smtptest.Config{Fault: func(e smtptest.Event) *smtptest.Fault {
		if e.Stage != smtptest.StageRcpt || refused.Swap(true) {
			return nil
		}
		return &smtptest.Fault{Reply: "550 5.7.1 mailbox closed until morning"}
	}})
	defer receiver.Close()

	sender, err := smtpace.New(smtpace.Config{
		Relays: []smtpace.Relay{{Addr: receiver.Addr, TLS: pool.TLSNone}},
		Rules: []classify.Rule{{
			Name: "closed-for-the-night", Contains: []string{"closed until morning"},
			Class: classify.ClassGreylisted, Later: true, RetryAfter: time.Second,
			Matches: []string{"550 5.7.1 mailbox closed until morning"}, Rejects: []string{"550 5.7.1 mailbox closed"},
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()

	hello := smtpace.Message{From: "news@example.org", To: []string{"ann@example.com"}, Data: []byte("Subject: News\r\n\r\nHello!\r\n")}
	result, err := sender.Send(context.Background(), hello)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Recipients[0].Status, "at try", result.Recipients[0].Tries)
	// Output:
	// delivered at try 2
}

// Shutdown lets what is on the wire finish and says which recipients were never
// tried: those may be given to the next process.
func ExampleSender_Shutdown() {
	receiver := smtptest.NewServer(smtptest.Config{})
	defer receiver.Close()

	sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{{Addr: receiver.Addr, TLS: pool.TLSNone}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	sender.Pause("example.com") // so that the messages of this example wait
	var submitted []*smtpace.Submission
	for _, to := range []string{"ann@example.com", "joe@example.com"} {
		m := smtpace.Message{From: "news@example.org", To: []string{to}, Data: []byte("Subject: News\r\n\r\nHello!\r\n")}
		submission, err := sender.Submit(context.Background(), m, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		submitted = append(submitted, submission)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(sender.Shutdown(ctx))
	for _, submission := range submitted {
		r := submission.Result().Recipients[0]
		fmt.Println(r.Address, r.Status, errors.Is(r.Err, smtpace.ErrClosed))
	}
	// Output:
	// <nil>
	// ann@example.com not_tried true
	// joe@example.com not_tried true
}

// A program that ends sends what it has accepted, for half a minute at most.
func ExampleSender_Drain() {
	receiver := smtptest.NewServer(smtptest.Config{})
	defer receiver.Close()

	sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{{Addr: receiver.Addr, TLS: pool.TLSNone}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, to := range []string{"ann@example.com", "joe@example.com"} {
		m := smtpace.Message{From: "news@example.org", To: []string{to}, Data: []byte("Subject: News\r\n\r\nHello!\r\n")}
		if _, err := sender.Submit(context.Background(), m, nil); err != nil {
			fmt.Println(err)
			return
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	fmt.Println(sender.Drain(ctx), receiver.Stats().Messages)
	// Output:
	// <nil> 2
}

// A Router demands what it knows of the hosts of a domain: here the policy of MTA-STS
// that the domain has published.
func ExampleTLSPolicy() {
	receiver := smtptest.NewServer(smtptest.Config{Hostname: "mx1.example.net", StartTLS: true})
	defer receiver.Close()
	sender, err := smtpace.New(smtpace.Config{
		Router: smtpace.PromptRouterFunc(func(smtpace.RouteRequest) (smtpace.Route, error) {
			host := smtpace.Hop{
				Relay: smtpace.Relay{Name: "mx1", Addr: receiver.Addr, TLSConfig: receiver.ClientTLS()},
				TLSPolicy: smtpace.TLSPolicy{
					Need:  pool.NeedMTASTS,
					Names: []string{"*.example.net"}, // the "mx" fields of the policy
				},
			}
			return smtpace.Route{Levels: [][]smtpace.Hop{{host}}}, nil
		}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err = sender.Send(ctx, smtpace.Message{
		From: "news@example.com", To: []string{"ada@example.net"}, Data: []byte("Subject: hello\r\n\r\nhello\r\n"),
	})
	fmt.Println(err)
	for _, r := range sender.Stats().Relays {
		fmt.Println(r.Name, "has proved", r.Proved)
	}
	// Output:
	// <nil>
	// mx1 [mta-sts mx1.example.net] has proved mta-sts
}

// A transcript for a fault report. Responses of logins and messages are told by their
// lengths alone.
func ExampleConfig_transcript() {
	server := smtptest.NewServer(smtptest.Config{Omit: []string{"SIZE", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN", "SMTPUTF8"}})
	defer server.Close()
	lines := make(chan string, 100)
	sender, err := smtpace.New(smtpace.Config{
		Relays:       []smtpace.Relay{{Addr: server.Addr, TLS: pool.TLSNone, HELO: "client.example"}},
		LogAddresses: smtpace.LogAddressesMasked,
		Transcript: func(smtpace.Connection) io.Writer {
			return lineWriter(lines) // os.Stderr, say
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = sender.Send(context.Background(), smtpace.Message{
		From: "us@sender.example", To: []string{"bob@x.example"}, Data: []byte("Subject: hello\r\n\r\nhello\r\n"),
	})
	fmt.Println(err, sender.Shutdown(context.Background()))
	close(lines)
	for line := range lines {
		if _, said, ok := strings.Cut(line, " C: "); ok {
			fmt.Print(said)
		}
	}
	// Output:
	// <nil> <nil>
	// EHLO client.example
	// MAIL FROM:<***@sender.example>
	// RCPT TO:<b***@x.example>
	// DATA
	// [25 bytes of a message]
	// .
	// QUIT
}

// lineWriter sends what is written to a channel.
type lineWriter chan<- string

func (w lineWriter) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}

// Every outcome in the log, without the names of people.
func ExampleConfig_logger() {
	server := smtptest.NewServer(smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{
		Stage: smtptest.StageRcpt, Recipient: "gone@x.example", Fault: smtptest.Fault{Reply: "550 5.1.1 <gone@x.example>: no such user"},
	})})
	defer server.Close()
	handler := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelInfo, // every try at slog.LevelDebug
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr { // so that the output is always the same
			if a.Key == slog.TimeKey || a.Key == "waited" {
				return slog.Attr{}
			}
			return a
		},
	})
	sender, err := smtpace.New(smtpace.Config{
		Relays:       []smtpace.Relay{{Addr: server.Addr, TLS: pool.TLSNone}},
		Logger:       slog.New(handler),
		LogAddresses: smtpace.LogAddressesMasked,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()
	_, _ = sender.Send(context.Background(), smtpace.Message{
		ID: "order 17", From: "us@sender.example", To: []string{"gone@x.example"}, Data: []byte("Subject: hello\r\n\r\nhello\r\n"),
	})
	// Output:
	// level=INFO msg="smtpace: recipient settled" number=1 id="order 17" recipient=g***@x.example destination=x.example status=refused tries=1 class=bad-mailbox error="550 5.1.1 <g***@x.example>: no such user"
}
