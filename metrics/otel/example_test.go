package otelsmtpace_test

import (
	"context"
	"fmt"

	"github.com/smtpace/smtpace"
	otelsmtpace "github.com/smtpace/smtpace/metrics/otel"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// The Observer goes into the Config. The span of a try links to the one in which the
// message was given.
func ExampleNew() {
	server := smtptest.NewServer(smtptest.Config{})
	defer server.Close()
	recorder := tracetest.NewSpanRecorder() // an exporter, say
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	telemetry, err := otelsmtpace.New(otelsmtpace.Options{TracerProvider: tracers})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer telemetry.Close()
	sender, err := smtpace.New(smtpace.Config{
		Relays:    []smtpace.Relay{{Addr: server.Addr, TLS: pool.TLSNone}},
		Observers: []smtpace.Observer{telemetry.Observer()},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()
	telemetry.Watch(sender)

	ctx, request := tracers.Tracer("shop").Start(context.Background(), "POST /order")
	_, err = sender.Send(ctx, smtpace.Message{
		From: "us@sender.example", To: []string{"bob@x.example"}, Data: []byte("Subject: hello\r\n\r\nhello\r\n"),
	})
	request.End()
	try := recorder.Ended()[0]
	fmt.Println(err, try.Name(), try.Links()[0].SpanContext.Equal(request.SpanContext()))
	// Output: <nil> smtpace try true
}
