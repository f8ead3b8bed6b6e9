package servicestate

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/waybill-dev/waybill/api/rest"
)

// Work is a job that this process is to do.
type Work struct {
	rest.Job
	// Bytes is the size of its document.
	Bytes int64
	// Sending says that events of it may have been recorded already.
	Sending bool
}

// partBytes is the size of a piece of a document.
const partBytes = 512 << 10

const jobColumns = `id, created, finished, running, success, behaviour, errors, sending, bytes`

// scanJob reads a job, and says how many bytes its errors take.
func scanJob(scan func(...any) error) (w Work, size int, err error) {
	var created, finished int64
	var running, success, sending int
	var behaviour string
	var errs []byte
	if err := scan(&w.ID, &created, &finished, &running, &success, &behaviour, &errs, &sending, &w.Bytes); err != nil {
		return w, 0, err
	}
	w.Created, w.Finished, w.Running, w.Success, w.Sending = timeOf(created), timeOf(finished), running != 0, success != 0, sending != 0
	w.Behaviour = rest.ErrorBehaviour(behaviour)
	if err := json.Unmarshal(errs, &w.Errors); err != nil {
		return w, 0, fmt.Errorf("%w: the errors of job %s: %w", ErrOpen, w.ID, err)
	}
	return w, len(errs), nil
}

// CreateJob keeps a document that is to be recorded. ErrBusy when there are too many.
func (s *Store) CreateJob(ctx context.Context, behaviour rest.ErrorBehaviour, document []byte) (id string, err error) {
	at := time.Now()
	id = newID(at)
	err = s.change(ctx, func(tx *sql.Tx) error {
		var jobs int
		var bytes int64
		if failed := s.row(ctx, tx, `SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM service_jobs WHERE org = ? AND running = 1`, s.cfg.Organisation).Scan(&jobs, &bytes); failed != nil {
			return s.failed(failed)
		}
		if jobs >= s.cfg.MaxJobs || bytes+int64(len(document)) > s.cfg.MaxJobBytes {
			return rest.ErrBusy
		}
		if _, failed := s.exec(ctx, tx, `INSERT INTO service_jobs (org, id, created, finished, running, success, sending, behaviour, bytes, errors, owner, lease)
			VALUES (?, ?, ?, 0, 1, 1, 0, ?, ?, ?, '', 0)`, s.cfg.Organisation, id, millis(at), string(behaviour), len(document), []byte("[]")); failed != nil {
			return failed
		}
		left := document // whole again when the database has the transaction done again
		for part := 0; len(left) > 0; part++ {
			piece := left[:min(len(left), partBytes)]
			left = left[len(piece):]
			if _, failed := s.exec(ctx, tx, `INSERT INTO service_job_parts (org, id, part, data) VALUES (?, ?, ?, ?)`, s.cfg.Organisation, id, part, piece); failed != nil {
				return failed
			}
		}
		return nil
	})
	return id, err
}

// Job gives one job; rest.ErrNotFound.
func (s *Store) Job(ctx context.Context, id string) (rest.Job, error) {
	w, _, err := scanJob(s.row(ctx, s.db, `SELECT `+jobColumns+` FROM service_jobs WHERE org = ? AND id = ?`, s.cfg.Organisation, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return rest.Job{}, rest.ErrNotFound
	}
	return w.Job, s.failed(err)
}

// listErrors ends a list of jobs after the one whose errors exceed it in sum, and jobErrors is how many
// bytes the errors of one job may take before the rest of them are told by code and number alone.
const (
	listErrors = 16 << 20
	jobErrors  = 8 << 20
)

// errEnough ends a list before its end.
var errEnough = errors.New("enough")

// Jobs gives up to limit jobs, the newest first, that are older than the one named by before; empty
// for all. It gives fewer when they have many errors; more says that there are older ones.
func (s *Store) Jobs(ctx context.Context, before string, limit int) (jobs []rest.Job, more bool, err error) {
	if before == "" {
		before = "~" // after every id
	}
	bytes := 0
	err = s.each(ctx, s.db, func(rows *sql.Rows) error {
		if more = len(jobs) == limit || bytes > listErrors; more {
			return errEnough
		}
		w, size, failed := scanJob(rows.Scan)
		jobs = append(jobs, w.Job)
		bytes += size
		return failed
	}, `SELECT `+jobColumns+` FROM service_jobs WHERE org = ? AND id < ? ORDER BY id DESC LIMIT ?`, s.cfg.Organisation, before, limit+1)
	if errors.Is(err, errEnough) {
		err = nil
	}
	return jobs, more, err
}

// ClaimJob takes the oldest job over that runs and that nobody works on; ok is false if there is none.
// KeepJob, FinishJob or LeaveJob must follow.
func (s *Store) ClaimJob(ctx context.Context) (w Work, ok bool, err error) {
	err = s.change(ctx, func(tx *sql.Tx) error {
		now := time.Now()
		w, _, err = scanJob(s.row(ctx, tx, `SELECT `+jobColumns+` FROM service_jobs WHERE org = ? AND running = 1 AND lease < ? ORDER BY id LIMIT 1`+s.lock,
			s.cfg.Organisation, now.UnixMilli()).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			ok = false
			return nil
		}
		if err != nil {
			return s.failed(err)
		}
		ok = true
		_, err = s.exec(ctx, tx, `UPDATE service_jobs SET owner = ?, lease = ? WHERE org = ? AND id = ?`, s.owner, now.Add(s.cfg.Lease).UnixMilli(), s.cfg.Organisation, w.ID)
		return err
	})
	return w, ok && err == nil, err
}

// JobDocument gives the document of a job that runs.
func (s *Store) JobDocument(ctx context.Context, id string) (document []byte, err error) {
	err = s.each(ctx, s.db, func(rows *sql.Rows) error {
		var data []byte
		failed := rows.Scan(&data)
		document = append(document, data...)
		return failed
	}, `SELECT data FROM service_job_parts WHERE org = ? AND id = ? ORDER BY part`, s.cfg.Organisation, id)
	return document, err
}

// ErrLost says that another process has taken the job over.
var ErrLost = errors.New("WB_JOB_LOST: another process does the job")

// KeepJob keeps the job with this process and says how far it is: that events of it are about to be recorded,
// and the errors so far. ErrLost.
func (s *Store) KeepJob(ctx context.Context, id string, sending bool, errs []rest.JobError) error {
	text, err := errorText(errs)
	if err != nil {
		return err
	}
	return s.mine(s.exec(ctx, s.db, `UPDATE service_jobs SET lease = ?, sending = ?, success = ?, errors = ? WHERE org = ? AND id = ? AND owner = ? AND running = 1`,
		time.Now().Add(s.cfg.Lease).UnixMilli(), flag(sending), flag(len(errs) == 0), text, s.cfg.Organisation, id, s.owner))
}

// ExtendJob keeps the job with this process. ErrLost.
func (s *Store) ExtendJob(ctx context.Context, id string) error {
	return s.mine(s.exec(ctx, s.db, `UPDATE service_jobs SET lease = ? WHERE org = ? AND id = ? AND owner = ? AND running = 1`,
		time.Now().Add(s.cfg.Lease).UnixMilli(), s.cfg.Organisation, id, s.owner))
}

func (s *Store) mine(n int64, err error) error {
	if err == nil && n == 0 {
		return ErrLost
	}
	return err
}

// errorText writes the errors of a job. All are named; beyond jobErrors with nothing but what tells which
// event it is.
func errorText(errs []rest.JobError) ([]byte, error) {
	list := make([]rest.JobError, 0, len(errs))
	bytes := 0
	for _, e := range errs {
		if bytes += len(e.Code) + len(e.EventID) + len(e.Path) + len(e.Detail); bytes > jobErrors && e.Index != nil {
			e = rest.JobError{Conflict: e.Conflict, Code: e.Code, Index: e.Index}
		}
		list = append(list, e)
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOpen, err)
	}
	return text, nil
}

// FinishJob ends a job and lets its document go; jobs beyond Config.KeepJobs are forgotten. ErrLost.
func (s *Store) FinishJob(ctx context.Context, id string, errs []rest.JobError) error {
	text, err := errorText(errs)
	if err != nil {
		return err
	}
	org := s.cfg.Organisation
	return s.change(ctx, func(tx *sql.Tx) error {
		if err := s.mine(s.exec(ctx, tx, `UPDATE service_jobs SET running = 0, success = ?, errors = ?, finished = ?, owner = '', lease = 0 WHERE org = ? AND id = ? AND owner = ? AND running = 1`,
			flag(len(errs) == 0), text, millis(time.Now()), org, id, s.owner)); err != nil {
			return err
		}
		if _, err := s.exec(ctx, tx, `DELETE FROM service_job_parts WHERE org = ? AND id = ?`, org, id); err != nil {
			return err
		}
		var oldest string
		err := s.row(ctx, tx, `SELECT id FROM service_jobs WHERE org = ? AND running = 0 ORDER BY id DESC LIMIT 1 OFFSET ?`, org, s.cfg.KeepJobs).Scan(&oldest)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return s.failed(err)
		}
		_, err = s.exec(ctx, tx, `DELETE FROM service_jobs WHERE org = ? AND running = 0 AND id <= ?`, org, oldest)
		return err
	})
}

// LeaveJob gives a job back that this process does not end, for another one or a later start.
func (s *Store) LeaveJob(ctx context.Context, id string) error {
	_, err := s.exec(ctx, s.db, `UPDATE service_jobs SET owner = '', lease = 0 WHERE org = ? AND id = ? AND owner = ?`, s.cfg.Organisation, id, s.owner)
	return err
}

// Running counts the jobs that run.
func (s *Store) Running(ctx context.Context) (n int, err error) {
	err = s.row(ctx, s.db, `SELECT COUNT(*) FROM service_jobs WHERE org = ? AND running = 1`, s.cfg.Organisation).Scan(&n)
	return n, s.failed(err)
}
