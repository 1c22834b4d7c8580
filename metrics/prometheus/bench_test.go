package promsmtpace_test

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/smtpace/smtpace"
	promsmtpace "github.com/smtpace/smtpace/metrics/prometheus"
	"github.com/smtpace/smtpace/pool"
)

// BenchmarkScrape measures a collection from a Sender with mail for 10,000 destinations,
// whose only relay cannot be reached.
func BenchmarkScrape(b *testing.B) {
	c := promsmtpace.New(promsmtpace.Options{})
	sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{{Addr: "127.0.0.1:1", TLS: pool.TLSNone}}, Observers: []smtpace.Observer{c.Observer()}})
	if err != nil {
		b.Fatal(err)
	}
	defer sender.Close()
	c.Watch(sender)
	for i := range 10_000 {
		m := smtpace.Message{From: "a@s.example", To: []string{fmt.Sprintf("a@d%d.example", i)}, Data: []byte("Subject: x\r\n\r\nx\r\n")}
		if _, err := sender.Submit(b.Context(), m, nil); err != nil {
			b.Fatal(err)
		}
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	for b.Loop() {
		if _, err := registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
