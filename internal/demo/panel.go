package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/analytics/panel"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/blocks"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/gateway/submit"
	"github.com/waybill-dev/waybill/internal/founding"
	"github.com/waybill-dev/waybill/internal/judging"
	"github.com/waybill-dev/waybill/internal/liar"
	"github.com/waybill-dev/waybill/internal/protocolsim"
	"github.com/waybill-dev/waybill/internal/stack"
)

const (
	// Assessor is the fourth scorer: a member without a peer or a server, which runs within the demo.
	Assessor = "assessor"
	// stake is what each scorer has at risk, in credits. What is left of one suffices for a day of lies, which cost three
	// fifths of it, if it is least: then a thousand remain, less than which is no stake.
	stake = 10_000
	least = 3_000
	// scorers are the three organisations with a server, and the assessor.
	scorers = 4
)

// Policy is the scoring policy that the demo's organisations vote for: the documents' one, on one machine, whose clocks
// agree. The time to reveal is more than that needs, for a busy machine, which runs all of them, makes honest scorers late too.
func Policy() ledger.ScoringPolicy {
	p := protocolsim.DefaultPolicy()
	p.Skew, p.CommitFor, p.RevealFor, p.ChallengeFor = 2_000, 8_000, 12_000, 8_000
	return p
}

// Panel is the four scorers of a running stack: its servers, and the assessor, which is a client of the network like they
// are and is run here.
type Panel struct {
	founded founding.Result
	liar    *liar.Liar
	client  *fabric.Client
	submit  *submit.Submitter
	log     *os.File
	stop    context.CancelFunc
	running errgroup.Group
	ended   chan error
}

// Convene brings the network of a stack under the demo's rules, unless it is already, and starts the assessor. folder takes
// its secret and its log. Close ends it.
func Convene(ctx context.Context, s *stack.Stack, folder string, progress Progress) (_ *Panel, err error) {
	if progress == nil {
		progress = silent{}
	}
	if err = os.MkdirAll(folder, 0o750); err != nil {
		return nil, err
	}
	p := &Panel{ended: make(chan error, 1), stop: func() {}}
	var profiles []*profile.Profile
	for _, org := range append(organisations(), Assessor) {
		var one *profile.Profile
		if one, err = s.Profile(org); err != nil {
			return nil, err
		}
		profiles = append(profiles, one)
	}
	if p.founded, err = founding.Found(ctx, founding.Options{
		Profiles: profiles, Policy: Policy(), Stake: stake, Least: least, Say: func(line string) { progress.Say("scoring: " + line) },
	}); err != nil {
		return nil, err
	}
	if err = p.open(ctx, profiles[len(profiles)-1], folder); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// open makes the assessor's service and starts it.
func (p *Panel) open(ctx context.Context, own *profile.Profile, folder string) error {
	var err error
	if p.log, err = os.OpenFile(filepath.Join(folder, Assessor+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil { //nolint:gosec // the caller names the folder
		return err
	}
	log := slog.New(slog.NewTextHandler(p.log, nil))
	if p.client, err = fabric.Dial(own, profile.IdentityService, fabric.Options{}); err != nil {
		return err
	}
	stream, err := blocks.Open(own, p.client, blocks.Options{OnRetry: func(peer string, cause error) {
		log.Warn("the block stream changes its peer", "peer", peer, "cause", cause)
	}})
	if err != nil {
		return err
	}
	model, err := score.Default()
	if err != nil {
		return err
	}
	secret, err := panel.Secret(filepath.Join(folder, Assessor+".secret"))
	if err != nil {
		return err
	}
	p.submit = submit.New(p.client, submit.Config{})
	words := judging.Words{Submit: p.submit}
	binding := p.founded.Accounts[Assessor] // an account is named by the first key that it was bound to
	p.liar = liar.New(liar.Config{
		Ledger: words, Source: judging.FromStream(stream, own.Chaincode), Model: model, Binding: binding,
	})
	service, err := panel.New(panel.Config{
		Scorer: scorer.Config{Source: p.liar.Source(), Sink: words, Model: model, Logger: log},
		Ledger: p.liar.Ledger(), Binding: binding, Secret: secret,
	})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx)) // it lasts until Close
	p.stop = stop
	p.running.Go(func() error { return p.submit.Run(running) })
	p.running.Go(func() error {
		if err := service.Run(running); err != nil {
			p.ended <- fmt.Errorf("%w: the scorer of %s ended: %w (log: %s)", stack.ErrServer, Assessor, err, p.log.Name())
		}
		return nil
	})
	return nil
}

// Ended tells if the assessor's scorer ended by itself.
func (p *Panel) Ended() <-chan error { return p.ended }

// Close ends the assessor's scorer.
func (p *Panel) Close() error {
	p.stop()
	err := p.running.Wait()
	if p.client != nil {
		err = errors.Join(err, p.client.Close())
	}
	if p.log != nil {
		err = errors.Join(err, p.log.Close())
	}
	return err
}
