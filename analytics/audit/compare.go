package audit

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// check compares two values as text; that there is neither is no comparison.
func (a *auditor) check(subject, field string, how How, recorded, found string) {
	if recorded == "" && found == "" {
		return
	}
	a.report.Checks = append(a.report.Checks, Check{Subject: subject, Field: field, How: how, Recorded: recorded, Found: found, OK: recorded == found, Note: recorded != found && noted(subject, how)})
}

func (a *auditor) differs(subject, field string, how How, recorded, found string) {
	a.report.Checks = append(a.report.Checks, Check{Subject: subject, Field: field, How: how, Recorded: recorded, Found: found, Note: noted(subject, how)})
}

// compare checks every field of a record against what it should be. A field that is empty in both is not compared.
func (a *auditor) compare(subject string, how How, recorded, found any) {
	r, f := reflect.ValueOf(recorded), reflect.ValueOf(found)
	for i := range r.NumField() {
		name := r.Type().Field(i).Name
		same := true
		each(fieldName(name), r.Field(i), f.Field(i), func(path string, x, y reflect.Value) {
			same = false
			c := Check{Subject: subject, Field: path, How: how, Recorded: text(x), Found: text(y)}
			c.Note = a.program.OtherBuild && how == Recomputed && name == "Code" || noted(subject, how)
			a.report.Checks = append(a.report.Checks, c)
		})
		if same && !empty(r.Field(i)) {
			a.report.Checks = append(a.report.Checks, Check{Subject: subject, Field: fieldName(name), How: how, Recorded: text(r.Field(i)), Found: text(f.Field(i)), OK: true})
		}
	}
}

// noted reports whether a difference is told and no fault: an overruled verdict may say what is not so, and not what nobody signed.
func noted(subject string, how How) bool { return subject == subjectOverruled && how == Recomputed }

func empty(v reflect.Value) bool {
	return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0
}

// fieldName is a field's name as a report spells it.
func fieldName(s string) string {
	var b strings.Builder
	for i, r := range s {
		upper := r >= 'A' && r <= 'Z'
		if upper && i > 0 && s[i-1] >= 'a' && s[i-1] <= 'z' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

// each calls differ for every place in which two values of one type differ.
func each(path string, x, y reflect.Value, differ func(path string, x, y reflect.Value)) {
	switch x.Kind() {
	case reflect.Struct:
		for i := range x.NumField() {
			each(path+"."+fieldName(x.Type().Field(i).Name), x.Field(i), y.Field(i), differ)
		}
	case reflect.Pointer:
		if x.IsNil() != y.IsNil() {
			differ(path, x, y)
		} else if !x.IsNil() {
			each(path, x.Elem(), y.Elem(), differ)
		}
	case reflect.Slice:
		if x.Len() != y.Len() {
			differ(path, x, y)
			return
		}
		for i := range x.Len() {
			each(fmt.Sprintf("%s[%d]", path, i), x.Index(i), y.Index(i), differ)
		}
	default:
		if !x.Equal(y) {
			differ(path, x, y)
		}
	}
}

// text says a value in at most some words.
func text(v reflect.Value) string {
	const most = 400
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return "none"
	}
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	s := fmt.Sprint(v.Interface())
	if v.Kind() == reflect.Slice && v.Len() > 4 {
		s = fmt.Sprintf("%d entries %s", v.Len(), s)
	}
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}

// transaction checks what the contract sets of a record against the block. A nil subject is not recorded.
func (a *auditor) transaction(subject string, tx Transaction, mspID string, by *string, at ledger.Millis, txID string) error {
	a.check(subject, "organisation", InBlock, mspID, tx.MSPID)
	a.check(subject, "at", InBlock, fmt.Sprint(at), fmt.Sprint(tx.At))
	a.check(subject, "transaction", InBlock, txID, tx.ID)
	if by == nil || tx.Submitted == nil {
		return nil
	}
	s, err := tx.Submitted()
	if err != nil {
		return err
	}
	name := s.Subject
	if len(name) > ledger.MaxNameBytes {
		name = name[:ledger.MaxNameBytes]
	}
	a.check(subject, "by", InBlock, *by, name)
	return nil
}

// signed compares a record with what its submitter signed.
func (a *auditor) signed(subject string, tx Transaction, recorded any) error {
	if tx.Submitted == nil {
		return nil
	}
	s, err := tx.Submitted()
	if err != nil {
		return err
	}
	if len(s.Arguments) == 0 {
		a.differs(subject, "all", Signed, "", "a proposal without argument")
		return nil
	}
	switch r := recorded.(type) {
	case ledger.Verdict:
		if s.Function != wire.FnRecordVerdicts {
			return nil // it came of a decision on many submissions, and none states it
		}
		b, err := wire.DecodeVerdictBatch(s.Arguments[0])
		if err != nil {
			return err
		}
		closest(a, subject, r.Stated(), b.Verdicts, ledger.Verdict.Stated)
	case ledger.ModelVersion:
		b, err := wire.DecodeModelBatch(s.Arguments[0])
		if err = a.called(subject, s.Function, wire.FnSubmitModels, err); err != nil {
			return err
		}
		closest(a, subject, r.Stated(), b.Models, ledger.ModelVersion.Stated)
	case ledger.DatasetSnapshot:
		b, err := wire.DecodeDatasetBatch(s.Arguments[0])
		if err = a.called(subject, s.Function, wire.FnSnapshotDatasets, err); err != nil {
			return err
		}
		closest(a, subject, r.Stated(), b.Datasets, ledger.DatasetSnapshot.Stated)
	case ledger.Evaluation:
		b, err := wire.DecodeEvaluationBatch(s.Arguments[0])
		if err = a.called(subject, s.Function, wire.FnEvaluateModels, err); err != nil {
			return err
		}
		closest(a, subject, r.Stated(), b.Evaluations, ledger.Evaluation.Stated)
	default:
		return errors.New("WB_INTERNAL: no record that submitters state")
	}
	return nil
}

func (a *auditor) called(subject, function, want string, err error) error {
	if function != want {
		a.differs(subject, "all", Signed, want, function)
		return nil
	}
	return err
}

// closest compares a record with that of the submissions which differs least from it.
func closest[T any](a *auditor, subject string, recorded T, submitted []T, stated func(T) T) {
	if len(submitted) == 0 {
		a.differs(subject, "all", Signed, "", "nothing like it")
		return
	}
	best, least := submitted[0], -1
	for _, s := range submitted {
		n := 0
		s = stated(s)
		each("", reflect.ValueOf(recorded), reflect.ValueOf(s), func(string, reflect.Value, reflect.Value) { n++ })
		if least < 0 || n < least {
			best, least = s, n
		}
	}
	a.compare(subject, Signed, recorded, best)
}
