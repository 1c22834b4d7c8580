package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/smtpace/smtpace"
	promsmtpace "github.com/smtpace/smtpace/metrics/prometheus"
	"github.com/smtpace/smtpace/monitor"
	"github.com/smtpace/smtpace/pool"
)

// config is the settings of the service.
type config struct {
	listen, relay, state  string
	clearText             bool
	grace                 time.Duration
	user, password, token string
}

// service is the state that the handlers share.
type service struct {
	sender   *smtpace.Sender
	page     *monitor.Page
	book     *book
	log      *slog.Logger
	token    string
	metrics  http.Handler
	places   chan struct{} // one for each message that is being accepted
	stopping context.Context
}

// run serves until ctx ends, and then finishes what is on the wire and writes what is
// held.
func run(ctx context.Context, c config, log *slog.Logger) error {
	listener, err := listen(c)
	if err != nil {
		return err
	}
	defer listener.Close()
	file, err := openState(c.state)
	if err != nil {
		return err
	}
	defer file.close()
	left, err := file.read()
	if err != nil {
		return err // and the file stays as it is
	}
	s := &service{
		book: newBook(file, log, left), log: log, token: c.token, places: make(chan struct{}, atOnce), stopping: ctx,
	}
	collector := promsmtpace.New(promsmtpace.Options{})
	if s.sender, err = smtpace.New(c.sender(collector.Observer())); err != nil {
		return err
	}
	collector.Watch(s.sender)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.metrics = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	s.page = monitor.Handler(s.sender, monitor.Options{Actions: true})
	server := s.server()
	if err = s.takeUp(ctx, left); err == nil {
		err = serve(ctx, server, listener, log)
	}
	return errors.Join(err, s.end(server, c.grace))
}

// serve serves until ctx ends.
func serve(ctx context.Context, server *http.Server, listener net.Listener, log *slog.Logger) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	log.Info("listening", "url", "http://"+listener.Addr().String()+"/mail/")
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// sender returns the settings of the Sender. It logs warnings alone, as the service logs
// the outcomes itself.
func (c config) sender(observer smtpace.Observer) smtpace.Config {
	relay := smtpace.Relay{Addr: c.relay}
	if c.clearText {
		relay.TLS = pool.TLSNone
	}
	if c.user != "" {
		relay.Credentials = func(context.Context) (user, secret string, err error) { return c.user, c.password, nil }
	}
	return smtpace.Config{Relays: []smtpace.Relay{relay}, Memory: smtpace.File(c.state + ".learned"), Observers: []smtpace.Observer{observer}}
}

// listen opens the listener. Without a token it must be one of the loopback.
func listen(c config) (net.Listener, error) {
	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return nil, err
	}
	if c.token == "" && !listener.Addr().(*net.TCPAddr).IP.IsLoopback() {
		_ = listener.Close()
		return nil, fmt.Errorf("-listen %s is not a loopback address: set SERVICE_TOKEN, or everybody who reaches it can send mail", c.listen)
	}
	return listener, nil
}

// server returns the HTTP server with its bounds.
func (s *service) server() *http.Server {
	server := &http.Server{
		Handler: s.handler(), MaxHeaderBytes: 16 << 10,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	server.RegisterOnShutdown(s.page.Close) // open pages would hold up Shutdown
	return server
}

// end stops accepting, finishes what is on the wire, and writes what is held.
func (s *service) end(server *http.Server, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	s.page.Close()
	err := server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, server.Close())
	}
	err = errors.Join(err, s.sender.Shutdown(ctx))
	n, failed := s.book.write()
	s.log.Info("ended", "held", n)
	return errors.Join(err, failed)
}
