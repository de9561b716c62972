package rest

import "douyin.dev/services/platform/fault"

const actionParam = "action_type"

// chooseEndpoint returns the endpoint that action_type chooses on a path, or
// the path's only one. Behind the dialect every action is a path of its own,
// because each is an RPC of its own.
func (p *path) chooseEndpoint(given params) (*endpoint, error) {
	if p.endpoint != nil {
		return p.endpoint, nil
	}
	action := given.value(actionParam)
	if action == "" {
		return nil, fault.Invalid(actionParam, "is missing")
	}
	canonical, wrong := canonicalInteger(action, 0, maxID)
	if wrong != "" {
		return nil, fault.Invalid(actionParam, wrong)
	}
	e, ok := p.actions[canonical]
	if !ok {
		return nil, fault.Invalid(actionParam, "has no such action")
	}
	return e, nil
}
