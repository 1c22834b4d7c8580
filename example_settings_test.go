package smtpace_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/profile"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

var letter = []byte("Subject: News\r\n\r\nHello!\r\n")

// sendOne makes a Sender, sends a letter to each address and prints the outcomes.
func sendOne(config smtpace.Config, to ...string) {
	sender, err := smtpace.New(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()
	for _, address := range to {
		result, err := sender.Send(context.Background(), smtpace.Message{From: "news@example.org", To: []string{address}, Data: letter})
		if result == nil {
			fmt.Println(err)
			return
		}
		fmt.Println(address, result.Recipients[0].Status)
	}
}

// DialAndSend has the signature of go-mail's client.
func ExampleSender_DialAndSend() {
	receiver := smtptest.NewServer(smtptest.Config{})
	defer receiver.Close()
	sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{{Addr: receiver.Addr, TLS: pool.TLSNone}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()

	msg := mail.NewMsg()
	_ = errors.Join(msg.From("news@example.org"), msg.To("ann@example.com"))
	msg.SetBodyString(mail.TypeTextPlain, "Hello!")
	fmt.Println(sender.DialAndSend(msg))
	// Output: <nil>
}

// A relay that announces PIPELINING and cannot do it: Omit saves the time to find out.
func ExampleRelay_omit() {
	receiver := smtptest.NewServer(smtptest.Config{})
	defer receiver.Close()
	sendOne(smtpace.Config{Relays: []smtpace.Relay{{Addr: receiver.Addr, TLS: pool.TLSNone, Omit: []string{"PIPELINING"}}}}, "ann@example.com")
	// Output: ann@example.com delivered
}

// Where connections often break, nothing rides behind a dot, and a message whose reply was
// lost is not sent again: rather none than a second copy.
func ExampleConfig_ambiguousTries() {
	receiver := smtptest.NewServer(smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{
		Stage: smtptest.StageDot, Times: 1, Fault: smtptest.Fault{Silent: true, Stored: true, End: smtptest.Close},
	})})
	defer receiver.Close()
	sendOne(smtpace.Config{
		Relays:         []smtpace.Relay{{Addr: receiver.Addr, TLS: pool.TLSNone}},
		NoFollowers:    true,
		AmbiguousTries: 1,
	}, "ann@example.com")
	// Output: ann@example.com unknown
}

// An Observer is told what happens. Several may be set, for a log and for metrics, say.
func ExampleObserver() {
	receiver := smtptest.NewServer(smtptest.Config{})
	defer receiver.Close()
	sendOne(smtpace.Config{
		Relays: []smtpace.Relay{{Addr: receiver.Addr, TLS: pool.TLSNone}},
		Observers: []smtpace.Observer{{
			Try:     func(t smtpace.Try) { fmt.Println("tried", t.Recipients[0].Address) },
			Settled: func(r *smtpace.Result) { fmt.Println("settled:", r.Recipients[0].Status) },
		}},
	}, "ann@example.com")
	// Output:
	// tried ann@example.com
	// settled: delivered
	// ann@example.com delivered
}

// A new sending address begins with few messages a day and has more every day. What was
// sent is kept in the Memory.
func ExampleConfig_warmUps() {
	receiver := smtptest.NewServer(smtptest.Config{})
	defer receiver.Close()
	dir, err := os.MkdirTemp("", "smtpace")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	sendOne(smtpace.Config{
		Relays: []smtpace.Relay{{Addr: receiver.Addr, TLS: pool.TLSNone}},
		Memory: smtpace.File(filepath.Join(dir, "learned.json")),
		WarmUps: map[string]throttle.WarmUp{
			"example.com": {Start: time.Now(), First: 1, Factor: 2, Last: 100_000, Hours: 1, Refuse: true},
		},
	}, "ann@example.com", "joe@example.com")
	// Output:
	// ann@example.com delivered
	// joe@example.com not_tried
}

// With profiles all domains of a provider are one destination, and its limits are ceilings.
func ExampleConfig_profiles() {
	receiver := smtptest.NewServer(smtptest.Config{})
	defer receiver.Close()
	sender, err := smtpace.New(smtpace.Config{
		Relays:   []smtpace.Relay{{Addr: receiver.Addr, TLS: pool.TLSNone}},
		Profiles: profile.Default(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()
	result, err := sender.Send(context.Background(), smtpace.Message{From: "news@example.org", To: []string{"ann@aol.com", "joe@yahoo.de"}, Data: letter})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range result.Recipients {
		fmt.Println(r.Address, "at", r.Destination)
	}
	// Output:
	// ann@aol.com at yahoo
	// joe@yahoo.de at yahoo
}

// Two domains with the same servers are made one destination, with one set of limits.
func ExampleRoute() {
	receiver := smtptest.NewServer(smtptest.Config{})
	defer receiver.Close()
	relay := smtpace.Relay{Addr: receiver.Addr, TLS: pool.TLSNone}
	sender, err := smtpace.New(smtpace.Config{
		Router: smtpace.PromptRouterFunc(func(r smtpace.RouteRequest) (smtpace.Route, error) {
			route := smtpace.Via(relay)
			if r.Domain == "example.com" || r.Domain == "example.net" {
				route.Destination = "example"
			}
			return route, nil
		}),
		Destinations: map[string]throttle.Limits{"example": {Connections: 2}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	result, err := sender.Send(ctx, smtpace.Message{From: "news@example.org", To: []string{"ann@example.com", "joe@example.net"}, Data: letter})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range result.Recipients {
		fmt.Println(r.Address, "at", r.Destination)
	}
	// Output:
	// ann@example.com at example
	// joe@example.net at example
}

// What waits is bounded in messages and bytes. Submit waits for room until its context ends.
func ExampleConfig_maxQueued() {
	receiver := smtptest.NewServer(smtptest.Config{})
	defer receiver.Close()
	sender, err := smtpace.New(smtpace.Config{
		Relays:         []smtpace.Relay{{Addr: receiver.Addr, TLS: pool.TLSNone}},
		MaxQueued:      3,
		MaxQueuedBytes: 64 << 20,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()
	sender.Pause("example.com") // so that nothing leaves the queue
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	for i := 1; ; i++ {
		_, err := sender.Submit(ctx, smtpace.Message{From: "news@example.org", To: []string{"ann@example.com"}, Data: letter}, nil)
		if err != nil {
			fmt.Println("message", i, "is not accepted:", errors.Is(err, context.DeadlineExceeded))
			return
		}
	}
	// Output: message 4 is not accepted: true
}

// A Msg that is signed anew at each rendering has other bytes each time. While it waits for
// another try, the bytes that were sent are kept in a file.
func ExampleConfig_spoolDir() {
	receiver := smtptest.NewServer(smtptest.Config{})
	defer receiver.Close()
	dir, err := os.MkdirTemp("", "smtpace")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	sendOne(smtpace.Config{Relays: []smtpace.Relay{{Addr: receiver.Addr, TLS: pool.TLSNone}}, SpoolDir: dir}, "ann@example.com")
	// Output: ann@example.com delivered
}

// A relay that is not there: the message ends at once, rather than wait for a day.
func ExampleFailFast() {
	receiver := smtptest.NewServer(smtptest.Config{})
	receiver.Close() // nobody listens there any more
	sender, err := smtpace.New(smtpace.Config{
		Relays:   []smtpace.Relay{{Addr: receiver.Addr, TLS: pool.TLSNone}},
		FailFast: smtpace.FailFastAlways,
		Logger:   slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()
	_, err = sender.Send(context.Background(), smtpace.Message{From: "news@example.org", To: []string{"ann@example.com"}, Data: letter})
	fmt.Println(errors.Is(err, smtpace.ErrNeverWorked))
	// Output: true
}
