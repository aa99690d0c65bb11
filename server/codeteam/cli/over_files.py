"""One job a file, for `review` and `test`."""

from __future__ import annotations

import argparse

from codeteam.cli.delivery import check_delivery, deliver, show
from codeteam.cli.headless import run_jobs
from codeteam.cli.inputs import read_document, request_from
from codeteam.cli.result import as_json, refusal_as_json
from codeteam.cli.terminal import put_json
from codeteam.domain.errors import CodeteamError
from codeteam.domain.task import Intent


def run_over(args: argparse.Namespace, intent: Intent, *, as_object: bool) -> int:
    """Run the jobs; the exit code is the worst one. The JSON object is `{"jobs": […]}`, in the order of the paths."""
    try:
        request = request_from(args, args.environ)
        check_delivery(args, request.root)
        tasks = [
            request.task(intent, read_document(path, request.root), args.instruction)
            for path in dict.fromkeys(args.paths)
        ]
    except CodeteamError as error:
        if as_object:
            put_json({"jobs": [refusal_as_json(error)]})
        raise
    results = run_jobs(tasks, root=request.root, environ=args.environ, quiet=args.quiet)
    delivered = deliver(args, results, request.root)
    if as_object:
        put_json({"jobs": [as_json(result, applied=delivered.applied(result)) for result in results]})
    for result in results:
        show(result, quiet=args.quiet, printed=as_object, applied=delivered.applied(result))
    if delivered.refusal is not None:
        raise delivered.refusal
    return max(result.exit_code for result in results)
