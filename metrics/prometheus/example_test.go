package promsmtpace_test

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/smtpace/smtpace"
	promsmtpace "github.com/smtpace/smtpace/metrics/prometheus"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// The Observer goes into the Config, and the Sender into the Collector.
func ExampleNew() {
	server := smtptest.NewServer(smtptest.Config{})
	defer server.Close()
	metrics := promsmtpace.New(promsmtpace.Options{})
	sender, err := smtpace.New(smtpace.Config{
		Relays:    []smtpace.Relay{{Addr: server.Addr, TLS: pool.TLSNone}},
		Observers: []smtpace.Observer{metrics.Observer()},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()
	metrics.Watch(sender)
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)

	_, err = sender.Send(context.Background(), smtpace.Message{
		From: "us@sender.example", To: []string{"bob@x.example"}, Data: []byte("Subject: hello\r\n\r\nhello\r\n"),
	})
	families, gatherErr := registry.Gather()
	for _, f := range families {
		if f.GetName() == "smtpace_tries_total" {
			fmt.Println(f.GetName(), f.GetMetric()[0].GetLabel()[0].GetValue(), f.GetMetric()[0].GetCounter().GetValue())
		}
	}
	fmt.Println(err, gatherErr)
	// Output:
	// smtpace_tries_total x.example 1
	// <nil> <nil>
}
