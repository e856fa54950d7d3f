export { channelStatistics, paraNormalize, type ChannelStatistics, type ParaNormalization } from './paraNormalize';
export { tuneOutputBias } from './tuneOutputBias';
