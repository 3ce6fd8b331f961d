"""IBM Quantum: plan, submit, close the laptop, collect; nothing lost, no minute paid twice.

    plan      circuits, depth, two-qubit gates, QPU seconds, expected error; posts nothing, simulates nothing
    submit    writes a ledger entry to disk, then posts it, tagged with its own UUID
    collect   fetches what is finished, keeps it on disk, and decodes the same FisherEstimate as a simulator's

Everything runs through a `LedgerSampler` (`backends/`), a Qiskit V2 sampler whose jobs live in a folder. An
estimate or a training run is repeated from its seed: jobs with a result on disk answer at once, the next one
is posted.

    files → backends: ledger → mitigated_work → runners (local, ibm) → ledger_sampler
    hardware: plan → fisher_request → requests
"""
