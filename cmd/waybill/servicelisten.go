package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"
)

// listeners are what a server listens on; nil for nothing.
type listeners struct{ api, rest, metrics net.Listener }

func (l listeners) close() error {
	var errs []error
	for _, one := range []net.Listener{l.api, l.rest, l.metrics} {
		if one != nil {
			errs = append(errs, one.Close())
		}
	}
	return errors.Join(errs...)
}

// restURL is the address of the REST binding as clients write it; empty for none.
func restURL(address string) string {
	if address == "" {
		return ""
	}
	return "https://" + address
}

func (s *service) announce(ctx context.Context, l listeners) {
	address := func(l net.Listener) string {
		if l == nil {
			return ""
		}
		return l.Addr().String()
	}
	at := addresses{address(l.api), address(l.rest), address(l.metrics)}
	s.log.Info("listening", "organisation", s.profile.Organisation, "roles", s.roles, "api", at.api, "rest", restURL(at.rest), "metrics", at.metrics)
	select {
	case <-s.health.ready:
		s.log.Info("ready")
		if s.ready != nil {
			s.ready(at)
		}
		if s.restParts != nil && s.state.Fresh() {
			tellNewState(ctx, s.stream.Height, s.store, s.log)
		}
	case <-ctx.Done():
	}
}

func (s *service) listeners(ctx context.Context) (all listeners, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, all.close())
		}
	}()
	var config net.ListenConfig
	listen := func(address, purpose string) (net.Listener, error) {
		l, listenErr := config.Listen(ctx, "tcp", address)
		if errors.Is(listenErr, syscall.EADDRINUSE) {
			return nil, fail(exitUnavailable, "WB_PORT_TAKEN", "stop the other program, or choose another address", "%s for %s is held by another program", address, purpose)
		}
		return l, listenErr
	}
	if s.has(roleAPI) {
		address := s.listen
		if address == "" {
			address = s.profile.API.Address
		}
		if address == "" {
			return all, fail(exitRefused, "WB_PROFILE_INVALID", "name one with --listen", "the profile of %s has no API address", s.profile.Organisation)
		}
		if all.api, err = listen(address, "the API"); err != nil {
			return all, err
		}
	}
	if s.restParts != nil {
		if all.rest, err = listen(s.restAddress(), "the EPCIS REST binding"); err != nil {
			return all, err
		}
	}
	address := s.metrics
	if address == "" {
		address = s.profile.API.MetricsAddress
	}
	if address == "" || address == "off" {
		return all, nil
	}
	all.metrics, err = listen(address, "metrics and health")
	return all, err
}

func (s *service) serveMetrics(ctx context.Context, l net.Listener, failed func(string, error)) (stop func()) {
	if l == nil {
		return func() {}
	}
	h := &http.Server{
		Handler: s.health.handler(s.registry), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed("metrics", err)
		}
	}()
	return func() {
		limited, cancel := context.WithTimeout(ctx, metricsClose)
		defer cancel()
		if h.Shutdown(limited) != nil {
			_ = h.Close() // nothing is left to lose
		}
		<-done
	}
}
