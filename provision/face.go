package provision

import (
	"provision/provision/access"
	"provision/provision/authority"
	"provision/provision/care"
	"provision/provision/checkup"
	"provision/provision/examine"
	"provision/provision/history"
	"provision/provision/lock"
	"provision/provision/run"
	"provision/provision/status"
	"provision/provision/survey"
)

// What verbs return, by the names that whoever calls them knows.
type (
	API           = access.API
	Access        = access.Access
	NodeAction    = care.Action
	NodeOutcome   = care.Outcome
	Authority     = authority.Authority
	LockedError   = lock.LockedError
	Status        = status.Status
	HostStatus    = status.HostStatus
	ServiceStatus = status.ServiceStatus
	Certificate   = status.Certificate
	Certificates  = status.Certificates
	Turning       = status.Turning
	Diagnosis     = checkup.Diagnosis
	Preflight     = examine.Preflight
	History       = history.History
	Way           = history.Way
	Store         = survey.Store
	Task          = survey.Task
	Converge      = survey.Converge
	Isolation     = survey.Isolation
	Reboot        = survey.Reboot
	Rebuild       = survey.Rebuild
	Removal       = survey.Removal
	Renewal       = survey.Renewal
	Reset         = survey.Reset
	Operation     = run.Operation
	Outcome       = run.Outcome
)

// States of certificates, and who renews them; see package status.
const (
	CertValid   = status.CertValid
	CertDue     = status.CertDue
	CertOverdue = status.CertOverdue
	CertEnded   = status.CertEnded
	CertBad     = status.CertBad
	ByKubelet   = status.ByKubelet
	ByTimer     = status.ByTimer
	ByApply     = status.ByApply
	ByRenew     = status.ByRenew
	ByRotate    = status.ByRotate
)

// What a NodeAction does to Nodes.
const (
	NodeDrain    = care.Drain
	NodeCordon   = care.Cordon
	NodeUncordon = care.Uncordon
)

// ErrNothingToReset: nothing of provision's is left on any of the hosts.
var ErrNothingToReset = survey.ErrNothingToReset
