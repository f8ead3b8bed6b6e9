package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/api/anchor"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/api/review"
	"github.com/waybill-dev/waybill/api/server"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/blocks"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/submit"
)

const (
	// heightEvery is how often the ledger's height is asked, which tells whether a peer answers.
	heightEvery   = 2 * time.Second
	heightTimeout = 3 * time.Second
	// followEvery is how often an API looks for what another process has added to the read model.
	followEvery = 200 * time.Millisecond
	// lagAllowed is how many blocks a part may be behind and still be said to work.
	lagAllowed = 64
	// A part that failed is started again after a pause that grows between these.
	firstRestart = 200 * time.Millisecond
	lastRestart  = 10 * time.Second
	metricsClose = 2 * time.Second
	// serveGOGC is how far the heap may grow between two collections, in percent of what it holds.
	serveGOGC = 300
	// retryFor is how long a write is tried here while the network does not take it; then its caller
	// is told, and may try again.
	retryFor = 10 * time.Second
)

// service is the parts of a running server.
type service struct {
	serveConfig
	registry *prometheus.Registry
	health   *health
	client   *fabric.Client
	stream   *blocks.Stream
	submit   *submit.Submitter
	anchor   *anchor.Service
	store    *readmodel.Store
	late     *lateLog // of a scorer whose organisation's read model is another process's
	scorers  *scorers
	api      *server.Server
	review   *review.Service
	*restParts
	known chan struct{} // closed once the ledger is known to be that of the state folder
}

// serve runs an organisation's server until the context is done, which is no error, or a part of it
// fails for good.
func serve(ctx context.Context, c serveConfig) (err error) {
	slices.Sort(c.roles)
	c.roles = slices.Compact(c.roles)
	for _, role := range c.roles {
		release, lockErr := lockState(c.dir, role, "waybill serve")
		if lockErr != nil {
			return lockErr
		}
		defer release()
	}
	s := &service{
		serveConfig: c, registry: prometheus.NewRegistry(), health: newHealth(append([]string{partLedger}, c.roles...)...),
		known: make(chan struct{}),
	}
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	defer func() { err = errors.Join(err, s.close()) }()
	if err = s.open(ctx); err != nil {
		return err
	}
	return s.run(ctx)
}

// open makes the parts; it starts none of them.
func (s *service) open(ctx context.Context) error {
	var err error
	if s.client, err = fabric.Dial(s.profile, s.identity, fabric.Options{}); err != nil {
		return err
	}
	if s.stream, err = blocks.Open(s.profile, s.client, blocks.Options{OnRetry: func(peer string, cause error) {
		level := slog.LevelWarn
		if errors.Is(cause, blocks.ErrTampered) || errors.Is(cause, blocks.ErrPosition) {
			level = slog.LevelError // someone should look at that peer
		}
		s.log.Log(ctx, level, "the block stream changes its peer", "peer", peer, "cause", cause)
	}}); err != nil {
		return err
	}
	s.submit = submit.New(s.client, submit.Config{RetryFor: retryFor, DrainFor: s.drain, Hooks: submitMetrics(s.registry)})
	if s.has(roleAPI) || s.has(roleReadModel) {
		c := s.serveConfig.store
		c.Metrics, c.Logger = s.registry, s.log.With("part", roleReadModel)
		if s.store, err = readmodel.Open(ctx, c); err != nil {
			return err
		}
	}
	if s.store != nil {
		if err := s.openAnchor(); err != nil {
			return err
		}
	}
	if s.has(roleScorer) {
		if err := s.openScorer(); err != nil {
			return err
		}
	}
	if s.has(roleAPI) {
		held, err := identityRoles(s.profile, s.identity)
		if err != nil {
			return err
		}
		if slices.Contains(held, ledger.RoleRecorder) { // the contract takes reviews of no others
			s.review = review.New(review.Config{Reader: s.store, Reviewer: s.submit, Logger: s.log.With("part", "review"), Changed: reviewMetrics(s.registry)})
		}
		return s.openAPI(ctx)
	}
	return nil
}

func (s *service) openAPI(ctx context.Context) error {
	api := s.profile.API
	files := server.CertificateFiles{Cert: api.ServerCert, Key: api.ServerKey, ClientCAs: api.ClientCAs}
	for mspID, roots := range s.profile.TrustRoots {
		if mspID != s.profile.MSPID {
			files.OtherCAs = append(files.OtherCAs, roots...)
		}
	}
	certificates, err := server.LoadCertificates(files)
	if err != nil {
		return err
	}
	creditKey, err := creditKeyOf(s.profile, s.identity)
	if err != nil {
		return err
	}
	if s.api, err = server.New(server.Config{
		Recorder: s.submit, Reader: s.store, TLS: certificates, Height: s.stream.Height, Prover: s.anchor, Reports: s.store.Reports(), MasterData: s.store.Reports(),
		Governor: s.submit, Books: s.store, Tasks: s.store, CreditKey: creditKey,
		About: server.About{
			Version: version(), Organisation: s.profile.Organisation, MSPID: s.profile.MSPID,
			Network: s.profile.Name, Channel: s.profile.Channel, Chaincode: s.profile.Chaincode,
		},
		Limits: server.Limits{DrainTime: s.drain}, Metrics: s.registry, Logger: s.log.With("part", roleAPI),
	}); err != nil {
		return err
	}
	return s.openREST(ctx, certificates)
}

func (s *service) close() error {
	var errs []error
	if s.restParts != nil && s.state != nil {
		errs = append(errs, s.state.Close())
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	if s.late != nil {
		errs = append(errs, s.late.Close())
	}
	if s.client != nil {
		errs = append(errs, s.client.Close())
	}
	return errors.Join(errs...)
}

// run starts the parts and ends them in the order in which they lean on each other: first no new
// calls, then no new verdicts, then what was accepted goes to the ledger, then the read model.
func (s *service) run(ctx context.Context) error {
	at, err := s.listeners(ctx)
	if err != nil {
		return err
	}
	// The first part that fails for good ends the others.
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	failed := func(part string, err error) {
		if err != nil && ctx.Err() == nil {
			s.health.set(part, err.Error())
			fail(fmt.Errorf("%s: %w", part, err))
		}
	}
	lasting := context.WithoutCancel(ctx)

	reading, stopReading := context.WithCancel(lasting)
	defer stopReading()
	var readers errgroup.Group
	readers.Go(func() error {
		failed(partLedger, s.watchLedger(reading))
		return nil
	})
	if s.store != nil {
		readers.Go(func() error {
			failed(roleReadModel, s.runStore(reading))
			return nil
		})
	}
	stopMetrics := s.serveMetrics(lasting, at.metrics, failed)
	defer stopMetrics()

	writing, stopWriting := context.WithCancel(lasting)
	defer stopWriting()
	var writers errgroup.Group
	if s.submit != nil {
		writers.Go(func() error {
			failed("submitter", s.submit.Run(writing))
			return nil
		})
	}
	anchoring, stopAnchoring := context.WithCancel(lasting)
	defer stopAnchoring()
	var anchors errgroup.Group
	if s.anchor != nil && s.has(roleReadModel) {
		anchors.Go(func() error {
			if s.knows(anchoring) {
				failed("anchor", s.anchor.Run(anchoring))
			}
			return nil
		})
	}
	scoring, stopScoring := context.WithCancel(lasting)
	defer stopScoring()
	var scorers errgroup.Group
	if s.scorers != nil {
		scorers.Go(func() error {
			if s.knows(scoring) {
				failed(roleScorer, s.scorers.Run(scoring))
			}
			return nil
		})
	}
	if s.review != nil {
		scorers.Go(func() error {
			if s.knows(scoring) {
				failed("review", s.review.Run(scoring))
			}
			return nil
		})
	}
	var calls errgroup.Group
	if s.api != nil {
		s.health.onChange(s.tellHealth)
		s.health.set(roleAPI, "")
		calls.Go(func() error {
			failed(roleAPI, s.api.Serve(ctx, at.api))
			return nil
		})
	}
	if at.rest != nil {
		wait := s.restParts.run(ctx, at.rest, failed)
		calls.Go(func() error {
			wait()
			return nil
		})
	}
	go s.announce(ctx, at)

	<-ctx.Done()
	s.log.Info("ending", "drain", s.drain)
	began := time.Now()
	_ = calls.Wait() // these return no errors: failed takes them
	stopScoring()
	_ = scorers.Wait()
	stopAnchoring()
	_ = anchors.Wait()
	if s.submit != nil {
		s.submit.Close()
	}
	_ = writers.Wait()
	stopReading()
	_ = readers.Wait()
	s.log.Info("ended", "after", time.Since(began).Round(time.Millisecond))
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}
