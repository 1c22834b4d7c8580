// Service accepts messages over HTTP and sends them through a relay at the pace that it
// allows:
//
//	service -relay mail.example.com:587 -state /var/lib/service/held.jsonl
//	curl -H 'Content-Type: application/json' http://localhost:8025/messages \
//		-d '{"from":"a@example.com","to":["b@example.org"],"subject":"Hello","text":"How are you?"}'
//
// It answers 202 and an id at once. /mail/ is a page that shows what is held back and
// why, /stats the same as JSON, /metrics is for Prometheus, and /healthz says whether
// messages are taken.
//
// On SIGTERM or SIGINT it finishes what is on the wire and writes what it still holds to
// the file of -state, which the next start takes up. Messages are in memory alone until
// then: kill -9, or a crash of the machine, loses those that were accepted since the
// start. What was taken up from the file stays there until it is settled.
//
// The login at the relay is SMTP_USER and SMTP_PASSWORD of the environment. With
// SERVICE_TOKEN every request but that for /healthz needs it, as a Bearer token or as the
// password of a browser's login. Without one the service listens on loopback only.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	var c config
	flag.StringVar(&c.listen, "listen", "127.0.0.1:8025", "`address` of the HTTP server; beyond loopback only with SERVICE_TOKEN")
	flag.StringVar(&c.relay, "relay", "", "`host:port` of the relay")
	flag.BoolVar(&c.clearText, "clear-text", false, "no TLS to the relay, as for one on this machine")
	flag.StringVar(&c.state, "state", "held.jsonl", "`file` for what is held when the service ends")
	flag.DurationVar(&c.grace, "grace", 30*time.Second, "`time` for what is on the wire when the service ends")
	flag.Parse()
	mistake := ""
	switch {
	case flag.NArg() > 0:
		mistake = fmt.Sprintf("%q is no flag: every argument needs one in front of it", flag.Arg(0))
	case c.relay == "":
		mistake = "-relay is missing: host:port of the server that takes the mail"
	}
	if mistake != "" {
		fmt.Fprintf(os.Stderr, "service: %s\nservice: -h explains the flags\n", mistake)
		os.Exit(2)
	}
	c.user, c.password, c.token = os.Getenv("SMTP_USER"), os.Getenv("SMTP_PASSWORD"), os.Getenv("SERVICE_TOKEN")

	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	slog.SetDefault(log)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, c, log); err != nil {
		log.Error("service", "error", err)
		os.Exit(1)
	}
}
