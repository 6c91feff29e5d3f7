package interceptor

import (
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/riskd-io/riskd/pkg/sdk"
)

// Domain of the errdetails.ErrorInfo in an answer.
const Domain = "riskd.dev"

// Reasons in an errdetails.ErrorInfo.
const (
	StepUpRequired   = "STEP_UP_REQUIRED"
	LoginRequired    = "LOGIN_REQUIRED"
	SessionDenied    = "SESSION_DENIED"
	GuardUnavailable = "GUARD_UNAVAILABLE"
)

// retryAfter is when to try again: by then a lost connection is usually back.
const retryAfter = 2 * time.Second

const confirm = "Please confirm it is you."

func stepUpRequired(what *sdk.Ruling) error {
	info := map[string]string{"challenge_id": what.ChallengeID}
	if len(what.Want.ACR) > 0 {
		info["acr_values"] = strings.Join(what.Want.ACR, " ")
	}
	if len(what.Want.AMR) > 0 {
		info["amr_values"] = strings.Join(what.Want.AMR, " ")
	}
	if !what.Local || what.Want.MaxAge > 0 { // for a flag, 0 says: authenticate now
		info["max_age"] = strconv.FormatInt(int64(what.Want.MaxAge/time.Second), 10)
	}
	if e := what.Verdict.Expires(); !e.IsZero() {
		info["expires_at"] = e.Format(time.RFC3339)
	}
	words := what.Verdict.UserReason()
	if words == "" {
		words = confirm
	}
	return answer(codes.Unauthenticated, "step-up authentication required", StepUpRequired, info, &errdetails.LocalizedMessage{Locale: "en", Message: words})
}

func loginRequired() error {
	return answer(codes.Unauthenticated, "login required", LoginRequired, nil)
}

func denied() error {
	return answer(codes.PermissionDenied, "this session may not go on", SessionDenied, nil)
}

func unavailable() error {
	return answer(codes.Unavailable, "temporarily unavailable", GuardUnavailable, nil, &errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter)})
}

func answer(code codes.Code, message, reason string, info map[string]string, more ...protoadapt.MessageV1) error {
	st := status.New(code, message)
	with, err := st.WithDetails(append([]protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: reason, Domain: Domain, Metadata: info}}, more...)...)
	if err != nil { // never: these messages can be written
		return st.Err()
	}
	return with.Err()
}

// Refusal is riskd's answer to a call, as a client reads it.
type Refusal struct {
	// Reason is StepUpRequired, LoginRequired, SessionDenied or GuardUnavailable.
	Reason string
	// ChallengeID and Want are what has to be proven, when a step-up is. Want.MaxAge 0: newer than the challenge.
	ChallengeID string
	Want        sdk.Requirement
	// Expires is when the challenge can no longer be answered; zero when that is not known.
	Expires time.Time
	// Words may be shown to the user.
	Words string
}

// FromError reads riskd's answer out of a call's error; ok is false when it has none.
func FromError(err error) (r Refusal, ok bool) {
	st, isStatus := status.FromError(err)
	if err == nil || !isStatus {
		return r, false
	}
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			if d.Domain != Domain {
				continue
			}
			ok = true
			r.Reason, r.ChallengeID = d.Reason, d.Metadata["challenge_id"]
			r.Want.ACR, r.Want.AMR = strings.Fields(d.Metadata["acr_values"]), strings.Fields(d.Metadata["amr_values"])
			if s, err := strconv.ParseInt(d.Metadata["max_age"], 10, 32); err == nil && s > 0 {
				r.Want.MaxAge = time.Duration(s) * time.Second
			}
			r.Expires, _ = time.Parse(time.RFC3339, d.Metadata["expires_at"])
		case *errdetails.LocalizedMessage:
			r.Words = d.Message
		}
	}
	return r, ok
}
