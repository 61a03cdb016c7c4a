//! plaint behind HTTP, with axum: JSON in, JSON out.
//!
//! ```sh
//! cargo run --release --features metrics --example axum_service -- 127.0.0.1:8080
//! curl -s localhost:8080/score --json '{"text": "Seit drei Wochen kein Internet!", "deadline_ms": 500}'
//! curl -s localhost:8080/metrics
//! ```
//!
//! 429 says that the queue is full, 504 that the deadline passed, 422 that the text cannot be scored, 503 that the server is
//! shutting down. On SIGINT or SIGTERM it takes no new connections and answers what it accepted.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use plaint::policy::{Decision, Policy};
use plaint::service::observer::Metrics;
use plaint::service::{Priority, Request, Service, ServiceBuilder, ServiceError, Shutdown};
use plaint::{Assessment, Engine, model::ModelId};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let queue_texts = arguments.next().map_or(Ok(1024), |texts| texts.parse())?;
    let options = Service::builder(Engine::embedded()?).queue_texts(queue_texts);
    serve(TcpListener::bind(address).await?, options, signalled()).await
}

/// Serves until `end`, then answers what was accepted.
pub async fn serve(
    listener: TcpListener,
    options: ServiceBuilder,
    end: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Box<dyn Error>> {
    let metrics = PrometheusBuilder::new().install_recorder()?;
    let service = options.observer(Metrics::new()).start()?;
    let policy = Policy::of_model(service.engine().manifest());
    println!("listening on http://{}", listener.local_addr()?);

    let app = App { service: service.clone(), policy, metrics };
    let router = Router::new().route("/score", post(score)).route("/metrics", get(render)).with_state(app);
    axum::serve(listener, router).with_graceful_shutdown(end).await?;
    tokio::task::spawn_blocking(move || service.shutdown(Shutdown::Drain)).await?;
    Ok(())
}

#[derive(Clone)]
struct App {
    service: Service,
    policy: Policy,
    metrics: PrometheusHandle,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    text: String,
    #[serde(default)]
    bulk: bool,
    #[serde(default = "one_second")]
    deadline_ms: u64,
}

fn one_second() -> u64 {
    1000
}

#[derive(Serialize)]
struct Reply<'a> {
    #[serde(flatten)]
    assessment: Assessment,
    decision: Decision,
    model: &'a ModelId,
}

async fn score(State(app): State<App>, Json(question): Json<Question>) -> Response {
    let priority = if question.bulk { Priority::Bulk } else { Priority::Interactive };
    let deadline = Duration::from_millis(question.deadline_ms);
    let request = Request::new(question.text).priority(priority).deadline(deadline);
    // If the client hangs up, axum drops this future, and with it the request leaves the queue.
    let answer = match app.service.try_score(request) {
        Ok(pending) => pending.await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(answer) => {
            let decision = app.policy.decide(&answer.assessment);
            Json(Reply { assessment: answer.assessment, decision, model: &answer.model }).into_response()
        }
        Err(error) => {
            let status = match error {
                ServiceError::Overloaded { .. } => StatusCode::TOO_MANY_REQUESTS,
                ServiceError::Expired { .. } => StatusCode::GATEWAY_TIMEOUT,
                ServiceError::Closed | ServiceError::Cancelled => StatusCode::SERVICE_UNAVAILABLE,
                ServiceError::Score(_) => StatusCode::UNPROCESSABLE_ENTITY,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            let body = Json(serde_json::json!({ "error": error.to_string() }));
            (status, [(header::RETRY_AFTER, "1")], body).into_response()
        }
    }
}

async fn render(State(app): State<App>) -> String {
    app.metrics.run_upkeep();
    app.metrics.render()
}

/// Waits for Ctrl-C, or for what `kill` and orchestrators send.
async fn signalled() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}
